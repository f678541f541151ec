/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The AEADs whose records this library protects, and their sizes.
 *
 * Limits: TLS 1.2 (RFC 5246) and TLS 1.3 (RFC 8446) only; AES-GCM as in RFC 5288, AES-CCM as in RFC 6655
 * (with the full tag, not CCM_8), ChaCha20-Poly1305 as in RFC 7905. Suites without an AEAD have no entry
 * here.
 */
#ifndef KTLS_SUITE_H
#define KTLS_SUITE_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum ktls_aead {
	KTLS_AES_128_GCM,
	KTLS_AES_256_GCM,
	KTLS_CHACHA20_POLY1305,
	KTLS_AES_128_CCM,
	KTLS_AEADS,
};

enum {
	KTLS_IV_LEN = 12,      /* bytes of a per-record nonce, all AEADs here */
	KTLS_TAG_LEN = 16,     /* bytes of an authentication tag, all AEADs here */
	KTLS_EXPLICIT_LEN = 8, /* nonce bytes that start a TLS 1.2 AES-GCM record, RFC 5288 section 3 */
	KTLS_MAX_KEY_LEN = 32,
	KTLS_MAX_SECRET_LEN = 48, /* SHA-384 */
};

struct ktls_aead_info {
	const char *name;       /* for people: "AES-128-GCM" */
	const char *evp_name;   /* for EVP_CIPHER_fetch */
	uint8_t key_len;        /* bytes */
	uint8_t tls12_salt_len; /* bytes of implicit nonce in a TLS 1.2 key block */
};

/* The constants of one AEAD; never NULL for a value below KTLS_AEADS. */
const struct ktls_aead_info *ktls_aead_info(enum ktls_aead aead);

/*
 * The AEAD of a negotiated cipher. Returns 0 and sets *aead, or -EOPNOTSUPP for a suite with none of the
 * AEADs above (CBC, CCM_8, NULL).
 */
int ktls_aead_of_cipher(const SSL_CIPHER *cipher, enum ktls_aead *aead);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
