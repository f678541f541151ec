/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Certificates that say whose they are, and until when. */
#ifndef UNIT_NAMED_H
#define UNIT_NAMED_H

#include "support.h"

/* With that subjectAltName, as x509v3_config(5) spells it ("URI:sip:a.example,DNS:b.example"); NULL: none. */
struct identity make_named(const char *common_name, const char *names, const struct identity *issuer);

/* Adds names of one type (GEN_DNS, GEN_URI) that no configuration can spell, count of them. */
void add_raw_names(struct identity *id, int type, const char *const *bytes, const size_t *lens,
	unsigned count, const struct identity *issuer);

/* Ends its validity a minute ago. */
void let_expire(struct identity *id, const struct identity *issuer);

#endif
