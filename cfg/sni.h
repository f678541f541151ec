/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server name that a client asks for (SNI), read before OpenSSL has looked at it. */
#ifndef CFG_SNI_H
#define CFG_SNI_H

#include <openssl/ssl.h>

enum {
	CFG_SNI_MAX = 255, /* bytes of a DNS name */
};

/*
 * Takes the host name out of a server_name extension (RFC 6066, section 3). out has CFG_SNI_MAX + 1 bytes.
 * Returns 0, or -1 if there is no host name that OpenSSL would accept as well.
 */
int cfg_sni_parse(const unsigned char *extension, size_t len, char *out);

/* The same inside a client_hello callback (SSL_CTX_set_client_hello_cb(3)). */
int cfg_sni_read(SSL *ssl, char *out);

#endif
