/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TLS domain: how connections to or from some addresses are secured. For now there is one, the default
 * server.
 */
#ifndef CFG_DOMAIN_H
#define CFG_DOMAIN_H

#include "cfg/error.h"
#include "cfg/value.h"
#include "ktls/handshake.h"

struct cfg_domain {
	struct cfg_versions versions;
	/* Files are as the operator wrote them, made absolute by cfg_resolve_path(); strings for free() or
	 * NULL. */
	char *certificate; /* PEM chain, leaf first */
	char *private_key; /* PEM, not encrypted */
	char *ca_list;     /* PEM: trusted for client certificates and named in the request for one */
	char *cipher_list; /* OpenSSL's cipher list for TLS 1.2 */
	int verify_certificate;
	int require_certificate;
};

/* Puts the defaults into an empty domain; strings that are set already stay. Returns 0 or -ENOMEM. */
int cfg_domain_defaults(struct cfg_domain *d, const char *main_config);

/* Frees the strings. */
void cfg_domain_clear(struct cfg_domain *d);

enum ktls_verify cfg_domain_verify(const struct cfg_domain *d);

/*
 * Builds the context that shakes hands for a domain: reads all its files and checks that they fit each other.
 * Returns it (SSL_CTX_free) or NULL with the sentence in *e. *warning gets a sentence, or becomes empty,
 * about what is odd but works.
 */
SSL_CTX *cfg_build_context(const struct cfg_domain *d, struct cfg_error *e, struct cfg_error *warning);

#endif
