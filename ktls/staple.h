/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * OCSP responses in handshakes, called staples (RFC 6066 8, RFC 8446 4.4.2.1): what a server sends with its
 * certificate, and what a client demands of its server. Internal to the library's folders.
 */
#ifndef KTLS_STAPLE_H
#define KTLS_STAPLE_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

/* One that a server's context has. */
struct ktls_staple {
	X509 *cert;
	char *file;    /* that it comes from */
	int64_t until; /* nextUpdate, in seconds since 1970 */
	size_t len;
	uint8_t der[];
};

enum {
	KTLS_STAPLES = 2, /* of a context */
};

/*
 * Server: handshakes that show cert send this response to clients that ask for one, until it is stale. All is
 * copied. At most KTLS_STAPLES for each context. Returns 0, or -ENOMEM.
 */
int ktls_staple_add(
	SSL_CTX *ctx, X509 *cert, const char *file, const uint8_t *der, size_t len, int64_t until);

/* Those of a context, from index 0 on; NULL behind the last one. */
const struct ktls_staple *ktls_staple_get(const SSL_CTX *ctx, unsigned index);

/* 1 if a certificate asks clients not to take it without a staple (RFC 7633: status_request). */
int ktls_staple_is_must(const X509 *cert);

/*
 * Client: asks servers for a staple, which must be good (ktls/ocsp.h) for the verified certificate. Without
 * one the handshake fails if it is required, or if the certificate says so. A resumed session has no staple:
 * it counts as verified when it was made. Only for contexts that verify certificates. Returns 0, or -ENOMEM.
 */
int ktls_staple_ask(SSL_CTX *ctx, int required);

/* A phrase that says why a handshake failed because of a staple, or "". Valid as long as ssl. */
const char *ktls_staple_refusal(const SSL *ssl);

#endif
