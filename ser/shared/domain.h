/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a connection needs to know about its domain, in shared memory: the domain's name and the certificate
 * that we show. It lives as long as a configuration or a connection refers to it.
 */
#ifndef SER_SHARED_DOMAIN_H
#define SER_SHARED_DOMAIN_H

#include "cfg/set.h"
#include "select/snapshot.h"

enum {
	DOMAIN_NAME_MAX = CFG_DOMAIN_TEXT + 260, /* a server name has at most 255 bytes: RFC 1035 2.3.4 */
};

/* Writes the domain's section as in tls.cfg, with its server name if it has one. Returns name. */
const char *domain_write_name(const struct cfg_domain *d, char name[DOMAIN_NAME_MAX]);

struct domain {
	int refcnt;
	uint32_t own;            /* offset of a struct snapshot_cert in data; 0: no certificate */
	_Alignas(8) char data[]; /* the name with its NUL, and the certificate */
};

/*
 * For the built hook of cfg_build_set(): makes the domain's record and gives the context a reference to it.
 * Only for a supervisor. Returns 0, or -1 with a sentence in *e.
 */
int domain_attach(SSL_CTX *ctx, const struct cfg_domain *d, struct cfg_error *e);

/*
 * The record of a domain of an earlier configuration, for a connection that outlived it: with the certificate
 * that was shown then (DER; len 0: none) in place of today's. Returns it with a reference, the domain's own
 * record if the certificate is the same, or NULL if shared memory is used up.
 */
struct domain *domain_as_it_was(struct domain *now, const uint8_t *der, size_t len);

/* The record of a context, or NULL if there is none. Takes no reference. */
struct domain *domain_of(const SSL_CTX *ctx);

/* The certificate that we show, or NULL. Valid as long as the record is. */
const struct snapshot_cert *domain_own(const struct domain *domain);

struct domain *domain_get(struct domain *domain);
void domain_put(struct domain *domain); /* NULL is allowed */

/* What domain_write_name() wrote. */
const char *domain_name(const struct domain *domain);

#endif
