/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The contexts of a configuration: a complete and checked SSL_CTX for each domain. They are built beside
 * those in use, so a reload only has to change a pointer.
 *
 * Server connections choose their domain by the name in the ClientHello, in OpenSSL's client_hello callback,
 * before anything is negotiated. The chosen domain decides about certificates, keys, trusted CAs, CRLs,
 * verification and its depth, the CA names in the request, protocol versions, both lists of suites with
 * @SECLEVEL, application protocols, options, and the session id context, so that a ticket from one domain is
 * not valid in another.
 * With OpenSSL 3.0 to 3.5 some things stay as in the first context: ticket keys and their callback
 * (session_ctx), the session cache, the number of tickets, groups, mode flags. All contexts of a set agree in
 * these, and the hook must ensure this for what it sets.
 *
 * Lifetime: a set lives until its last reference is gone and the last SSL object attached to it is freed.
 * References are counted atomically. Otherwise only one thread may use a set, in the process that built it or
 * in children forked later.
 */
#ifndef CFG_SET_H
#define CFG_SET_H

#include "cfg/config.h"
#include "cfg/expiry.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

struct cfg_set;

/* How to build. */
struct cfg_build {
	unsigned kinds; /* 1 << CFG_SERVER, 1 << CFG_CLIENT or both: the domains that get a context */
	/*
	 * Called for each context when it is complete, for example to set ticket keys; may be NULL. Returns
	 * 0, or -1 to make the whole set fail, with a sentence in *e that must not name the domain.
	 */
	int (*built)(SSL_CTX *ctx, const struct cfg_domain *d, void *arg, struct cfg_error *e);
	void *arg;
};

/*
 * Builds the contexts of a finished configuration and takes a reference to it. Reads all files; each CA list
 * and CRL is parsed once, however many domains name it. Returns the set with one reference, or NULL with a
 * sentence in *errors for each mistake in each domain. *warnings gets what is odd but works (a certificate
 * that is not valid today, verification without a CA).
 */
struct cfg_set *cfg_build_set(struct cfg_config *config, const struct cfg_build *how,
	struct cfg_errors *errors, struct cfg_errors *warnings);

/*
 * What expires in the files of its contexts, each file once, linked by next; NULL: nothing. CAs that peers'
 * certificates are only verified with are not among them. Owned by the set.
 */
const struct cfg_expiry *cfg_set_expiries(const struct cfg_set *set);

/* The configuration that it was built from, as long as the set lives. */
const struct cfg_config *cfg_set_config(const struct cfg_set *set);

struct cfg_set *cfg_set_ref(struct cfg_set *set);
void cfg_set_unref(struct cfg_set *set); /* NULL is allowed */

/*
 * Call it in a child process before it uses its parent's set. It opens the keys that are URIs again, because
 * a token's sessions and logins do not survive a fork (PKCS #11 v2.40 6.6.1). Returns 0, or -1 with a
 * sentence in *e.
 */
int cfg_set_after_fork(const struct cfg_set *set, struct cfg_error *e);

/*
 * 1 if a private key is a URI. Its provider may use files, sockets and threads whenever it signs, so the
 * process cannot do without.
 */
int cfg_set_needs_provider(const struct cfg_set *set);

/*
 * The context for a connection that came in at a listening address, before its ClientHello is known. It is
 * owned by the set.
 */
SSL_CTX *cfg_set_server_context(const struct cfg_set *set, const struct sockaddr *local);

/*
 * The context for a connection that we open, owned by the set. Each of the three may be NULL. The caller sets
 * the name that is sent (SSL_set_tlsext_host_name(3)).
 */
SSL_CTX *cfg_set_client_context(const struct cfg_set *set, const char *server_id,
	const struct sockaddr *remote, const char *server_name);

/* How many domains there are, numbered from 0. */
unsigned cfg_set_count(const struct cfg_set *set);

/* The context of the domain with that number, or NULL; owned by the set. */
SSL_CTX *cfg_set_context(const struct cfg_set *set, unsigned domain);

/*
 * Call it right after SSL_new() with a context of a set. The SSL object then keeps the set, and a server's
 * object can choose its domain; without this call a server's handshake fails. local is the listening address
 * of a server's connection (AF_INET or AF_INET6); with NULL the address of the context's domain counts.
 * Returns 0; -ENOMEM; or -EINVAL (not a context of a set, attached before, another address family).
 */
int cfg_ssl_attach(SSL *ssl, const struct sockaddr *local);

/*
 * The domain of a context; with SSL_get_SSL_CTX() after the ClientHello, the chosen one. NULL for contexts
 * that are not from a set. Valid as long as the context's set.
 */
const struct cfg_domain *cfg_context_domain(const SSL_CTX *ctx);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
