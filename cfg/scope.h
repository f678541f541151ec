/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which connections a parameter's value is for, in the spelling of SER's manual: "value" for all, or
 * "<ip>:<port>=value" and "[<ipv6>]:<port>=value" for those that come in at that address.
 */
#ifndef CFG_SCOPE_H
#define CFG_SCOPE_H

#include "cfg/error.h"

#include <netinet/in.h>

struct cfg_scope {
	union {
		struct sockaddr any; /* sa_family AF_UNSPEC: every address */
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address;
};

/*
 * Splits text; *value points to the part behind the scope. Returns 0, or -1 with a sentence in *e, which
 * names param.
 */
int cfg_parse_scope(const char *param, const char *text, struct cfg_scope *scope, const char **value,
	struct cfg_error *e);

/* Whether an address (AF_INET or AF_INET6) lies in the scope. */
int cfg_scope_has(const struct cfg_scope *scope, const struct sockaddr *address);

#endif
