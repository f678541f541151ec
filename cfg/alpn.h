/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Application protocols that a domain speaks (ALPN, RFC 7301). */
#ifndef CFG_ALPN_H
#define CFG_ALPN_H

#include "cfg/error.h"

#include <openssl/ssl.h>

enum {
	CFG_ALPN_MAX = 1024, /* bytes of a list in a ClientHello, which should fit one packet */
};

/*
 * Reads a list of names with commas between them. *out gets the same without blanks, to free(). Returns 0, or
 * -1 with a sentence in *e.
 */
int cfg_parse_alpn(const char *param, const char *value, char **out, struct cfg_error *e);

/*
 * For a server's context and such a list, which must outlive it: of what a client offers the first name in
 * the list is chosen. If there is none, the handshake ends (RFC 7301 3.2). A client without ALPN is accepted.
 */
void cfg_alpn_choose(SSL_CTX *ctx, const char *list);

/* For a client's context: it offers the whole list. A server without ALPN is accepted. Returns 0 or -ENOMEM.
 */
int cfg_alpn_offer(SSL_CTX *ctx, const char *list);

#endif
