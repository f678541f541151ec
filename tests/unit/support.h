/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What several unit tests need: bytes, keys, certificates, contexts. Failures end the running test. */
#ifndef UNIT_SUPPORT_H
#define UNIT_SUPPORT_H

/* cmocka.h wants these in front of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ktls/handshake.h"
#include "ktls/record.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Writes the bytes of a hexadecimal string, at most cap. Returns their number. */
size_t unhex(const char *hex, uint8_t *out, size_t cap);

/* Ends the test unless the len bytes at p are those of the hexadecimal string. */
void assert_hex(const uint8_t *p, size_t len, const char *hex);

/* Ends the test unless all len bytes at p are 0. */
void assert_zero(const void *p, size_t len);

/* Bytes that differ from offset to offset and from seed to seed, the same in every run. */
void fill(uint8_t *p, size_t len, unsigned seed);

/* The next number of a sequence that is the same in every run; *state may start anywhere. */
uint32_t next_random(uint64_t *state);

/* A key of made-up bytes; the same seed gives the same key. */
struct ktls_key make_key(uint16_t version, enum ktls_aead aead, unsigned seed);

/* A traffic secret of made-up bytes. It has nothing to do with the key of the same seed. */
struct ktls_secret make_secret(uint8_t len, unsigned seed);

/*
 * Makes a TLS 1.3 AES-128-GCM record of any inner plaintext, len bytes: content, type, padding. None of the
 * code that is tested has a part in it. Leaves k as it was; returns the record's length.
 */
size_t seal_inner(const struct ktls_key *k, const uint8_t *inner, size_t len, uint8_t *record);

/* Receives one record, with recv()'s flags, and ends the test unless it is this under that key. */
void assert_record(
	int fd, int flags, struct ktls_key *k, enum ktls_content_type type, const void *expected, size_t len);

/* A counter of /proc/net/tls_stat, 0 where there is none. */
long tls_stat(const char *name);

struct identity {
	X509 *cert;
	EVP_PKEY *key;
};

/* A certificate for a new key ("RSA" or "EC"), signed by issuer or, when that is NULL, by itself (a CA). */
struct identity make_identity(const char *key_type, const char *name, const struct identity *issuer);
/* A CA below another, or a root for NULL. */
struct identity make_authority(const char *name, const struct identity *issuer);
void free_identity(struct identity *id);

/* A prepared context for TLS 1.2 and 1.3. trusted may be NULL. */
SSL_CTX *server_context(const struct identity *id, enum ktls_verify verify, const struct identity *trusted);

/* A client of one version that offers one suite, or OpenSSL's choice for NULL. It takes any server. */
SSL_CTX *client_context(int version, const char *suite);

/* All TLS 1.3 suites that have an AEAD of ours. */
#define EVERY_SUITE_13                                                                                       \
	"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256"

/* A server that is OpenSSL's alone, as a peer for our client; it speaks every suite. */
SSL_CTX *peer_server_context(const struct identity *id);

/* client_context() prepared for a handshake of ours. */
SSL_CTX *our_client_context(int version, const char *suite, enum ktls_verify verify);

/* Makes a client context send this certificate when it is asked. */
void use_identity(SSL_CTX *ctx, const struct identity *id);

/* Skips the running test where OpenSSL is older than 3.5 and has no such post-quantum group. */
void need_group(const char *name);

#endif
