/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domains of files in the test's folder, and what becomes of them. */
#ifndef UNIT_DOMAINS_H
#define UNIT_DOMAINS_H

#include "support.h"

#include "cfg/domain.h"

/* A domain with these files of the folder and defaults else; ca_list may be NULL. For cfg_domain_clear(). */
struct cfg_domain make_domain(const char *certificate, const char *key, const char *ca_list);

/* Builds the domain's context; NULL with the first sentence in *e. *warning is the first warning, or empty.
 */
SSL_CTX *build_context(const struct cfg_domain *d, struct cfg_error *e, struct cfg_error *warning);

/* Builds the domain's context, which must succeed without a warning. */
SSL_CTX *build_good(const struct cfg_domain *d);

/*
 * Building must fail, with a sentence on one line that begins with the parameter and tells of the value (or
 * file) and the reason. Clears the domain.
 */
void build_refused(struct cfg_domain *d, const char *param, const char *value, const char *reason);

/* The context shakes hands, shows that certificate and talks. */
void check_works(SSL_CTX *ctx, int version, const struct identity *shown);

#endif
