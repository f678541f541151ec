/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which connections a domain or a parameter's value applies to: those of one address, or all. */
#ifndef CFG_SCOPE_H
#define CFG_SCOPE_H

#include "cfg/error.h"

#include <netinet/in.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

struct cfg_scope {
	union {
		struct sockaddr any; /* sa_family AF_UNSPEC: every address */
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address; /* port 0: every port of the IP address */
};

enum {
	CFG_SCOPE_TEXT = 64, /* room for the longest "[<ipv6>]:<port>" and its NUL */
};

/* Reads "<ip>:<port>" or "[<ipv6>]:<port>", port 0 to 65535. Returns 0, or -1 if it is neither. */
int cfg_parse_address(const char *text, struct cfg_scope *scope);

/*
 * Splits a parameter in the spelling of SER's manual: "value" for all connections, "<ip>:<port>=value" and
 * "[<ipv6>]:<port>=value" for those of that address. *value points to the part after the scope. Text before a
 * '=' that does not look like an address belongs to the value (file names, PKCS#11 URIs, "@SECLEVEL=1"). With
 * a leading '@' the address is one that we open connections to, and *outgoing becomes 1. If secret is 1, the
 * value is a secret: no part of text gets into the sentence, and only a well-formed address counts as an
 * address. Returns 0, or -1 with a sentence in *e that names param.
 */
int cfg_parse_param_scope(const char *param, const char *text, int secret, int *outgoing,
	struct cfg_scope *scope, const char **value, struct cfg_error *e);

/* Whether an address (AF_INET or AF_INET6) lies in the scope. */
int cfg_scope_has(const struct cfg_scope *scope, const struct sockaddr *address);

/* Whether both are the same; overlapping is not enough. */
int cfg_scope_equals(const struct cfg_scope *a, const struct cfg_scope *b);

/* Writes "<ip>:<port>", "[<ipv6>]:<port>" or "any" to out, which has CFG_SCOPE_TEXT bytes. Returns out. */
const char *cfg_scope_text(const struct cfg_scope *scope, char *out);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
