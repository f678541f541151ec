/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Record keys: what protects one direction of a connection, and how it is derived from the handshake.
 *
 * OpenSSL does the derivation (EVP_KDF); this file only knows the labels and the order of bytes that the RFCs
 * ask for. Nothing here allocates memory, and no key is kept outside the caller's structures.
 */
#ifndef KTLS_KEY_H
#define KTLS_KEY_H

#include "ktls/suite.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/* The key of one direction. It is plain data and may lie in shared memory. Wipe it with ktls_key_wipe(). */
struct ktls_key {
	uint16_t version; /* TLS1_2_VERSION or TLS1_3_VERSION */
	uint8_t aead;     /* enum ktls_aead */
	uint8_t key[KTLS_MAX_KEY_LEN];
	/*
	 * TLS 1.3 and ChaCha20-Poly1305: the static IV that is XORed with the sequence number (RFC 8446 5.3,
	 * RFC 7905 2). TLS 1.2 AES-GCM and AES-CCM: the 4 bytes of salt, then the explicit nonce for sequence
	 * number 0. Record n is sent with that value plus n (RFC 5288 3 leaves the choice to the sender).
	 */
	uint8_t iv[KTLS_IV_LEN];
	uint64_t seq; /* sequence number of the next record */
};

/* A TLS 1.3 application traffic secret, from which the next generation of keys is derived. len 0: none. */
struct ktls_secret {
	uint8_t len; /* the length of the suite's hash: 32 (SHA-256) or 48 (SHA-384) */
	uint8_t bytes[KTLS_MAX_SECRET_LEN];
};

/*
 * TLS 1.3 traffic key and IV from a traffic secret (RFC 8446 7.3); the sequence number starts at 0. Returns
 * 0; -EINVAL for a secret longer than KTLS_MAX_SECRET_LEN; -ENOMEM; or -EIO if OpenSSL refuses. The key is
 * wiped on error.
 */
int ktls_key_from_secret(
	struct ktls_key *k, enum ktls_aead aead, const EVP_MD *md, const uint8_t *secret, size_t secret_len);

/*
 * The next generation of a TLS 1.3 key, as a KeyUpdate asks for (RFC 8446 7.2): replaces secret, key and IV;
 * the sequence number starts at 0. Returns what ktls_key_from_secret() returns; on error nothing changes.
 */
int ktls_key_update(struct ktls_key *k, struct ktls_secret *secret);

/* What TLS 1.2 derives its key block from (RFC 5246 6.3). */
struct ktls_master {
	const EVP_MD *md; /* for the PRF: the suite's handshake digest */
	const uint8_t *secret;
	size_t secret_len;
	const uint8_t *client_random; /* 32 bytes */
	const uint8_t *server_random; /* 32 bytes */
};

/*
 * TLS 1.2 keys of both directions from the master secret. Sequence numbers and explicit nonces start at 0.
 * Return value and errors are as with ktls_key_from_secret().
 */
int ktls_keys_from_master(
	struct ktls_key *client, struct ktls_key *server, enum ktls_aead aead, const struct ktls_master *m);

/* True for records that carry their nonce: TLS 1.2 AES-GCM and AES-CCM. */
int ktls_key_has_explicit_nonce(const struct ktls_key *k);

/* The explicit nonce (KTLS_EXPLICIT_LEN bytes, network order) of the next record. */
void ktls_key_explicit_nonce(const struct ktls_key *k, uint8_t *nonce);

/* Wipes the key, including the sequence number. */
void ktls_key_wipe(struct ktls_key *k);

/* Big-endian 64-bit numbers, as records carry them. */
void ktls_put_be64(uint8_t *p, uint64_t v);
uint64_t ktls_get_be64(const uint8_t *p);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
