/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts that a context is built from. Functions with *errors append to it and do not stop at the first
 * mistake.
 */
#ifndef CFG_CONTEXT_PRIVATE_H
#define CFG_CONTEXT_PRIVATE_H

#include "cfg/domain.h"
#include "cfg/expiry_private.h"
#include "cfg/pem.h"

struct cfg_builder {
	const struct cfg_domain *domain;
	SSL_CTX *ctx;
	struct cfg_pems *pems;
	struct cfg_expiries *expiries;
	X509 *leaf, *leaf2; /* the context's certificates, owned by it; NULL: there is none, or a mistake */
	struct cfg_errors *errors, *warnings;
};

/* Sets the groups for the exchange of keys, unless openssl.cnf does. */
void cfg_build_groups(struct cfg_builder *b);

/*
 * For a server: sets the finite field of TLS 1.2's DHE suites, the smallest that @SECLEVEL allows, so after
 * the suites. With SSL_CTX_set_dh_auto() it would be as large as the certificate's key.
 */
void cfg_build_field(struct cfg_builder *b);

/* Sets both certificates and keys of the domain. */
void cfg_build_identities(struct cfg_builder *b);

/* For cfg_set_after_fork(): opens the keys that are URIs again. Returns 0, or -1 with a sentence in *e. */
int cfg_open_keys_again(SSL_CTX *ctx, const struct cfg_domain *d, struct cfg_error *e);

/* Sets CA list, CA folder, CRL, verification, and the session id context that is derived from them. */
void cfg_build_trust(struct cfg_builder *b);

/* Completes the chains of the certificates; after both of the above. */
void cfg_build_chains(struct cfg_builder *b);

/*
 * OCSP: takes the responses for the certificates, and says what servers must send. After all of the above, if
 * they found no mistake. A response that is of no use is left out with a warning.
 */
void cfg_build_staples(struct cfg_builder *b);

/* Makes a complete context. Returns NULL with at least one more sentence in *errors if it cannot. */
SSL_CTX *cfg_make_context(const struct cfg_domain *d, struct cfg_pems *pems, struct cfg_expiries *expiries,
	struct cfg_errors *errors, struct cfg_errors *warnings);

#endif
