/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "support.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

size_t unhex(const char *hex, uint8_t *out, size_t cap)
{
	size_t len = 0;

	assert_int_equal(OPENSSL_hexstr2buf_ex(out, cap, &len, hex, '\0'), 1);
	return len;
}

void assert_hex(const uint8_t *p, size_t len, const char *hex)
{
	uint8_t bytes[512];

	assert_int_equal(unhex(hex, bytes, sizeof(bytes)), len);
	assert_memory_equal(p, bytes, len);
}

void assert_zero(const void *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(((const uint8_t *)p)[i], 0);
}

void fill(uint8_t *p, size_t len, unsigned seed)
{
	/* 251 is no divisor of any length a record has, so that a shift never goes unseen. */
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)((i + seed * 31) % 251 + 1);
}

uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

struct ktls_key make_key(uint16_t version, enum ktls_aead aead, unsigned seed)
{
	struct ktls_key k = {.version = version, .aead = (uint8_t)aead};

	fill(k.key, ktls_aead_info(aead)->key_len, seed);
	fill(k.iv, sizeof(k.iv), seed + 100);
	return k;
}

struct ktls_secret make_secret(uint8_t len, unsigned seed)
{
	struct ktls_secret s = {.len = len};

	fill(s.bytes, len, seed + 200);
	return s;
}

size_t seal_inner(const struct ktls_key *k, const uint8_t *inner, size_t len, uint8_t *record)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t header[KTLS_HEADER_LEN] = {
		23, 3, 3, (uint8_t)((len + KTLS_TAG_LEN) >> 8), (uint8_t)(len + KTLS_TAG_LEN)};
	uint8_t nonce[KTLS_IV_LEN];
	int n;

	memcpy(record, header, sizeof(header));
	memcpy(nonce, k->iv, sizeof(nonce));
	for (int i = 0; i < 8; i++)
		nonce[11 - i] ^= (uint8_t)(k->seq >> 8 * i);
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, k->key, nonce), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, header, sizeof(header)), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, record + KTLS_HEADER_LEN, &n, inner, (int)len), 1);
	assert_int_equal(EVP_EncryptFinal_ex(ctx, record + KTLS_HEADER_LEN + n, &n), 1);
	assert_int_equal(
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, KTLS_TAG_LEN, record + KTLS_HEADER_LEN + len),
		1);
	EVP_CIPHER_CTX_free(ctx);
	return KTLS_HEADER_LEN + len + KTLS_TAG_LEN;
}

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(e);
	assert_int_equal(X509_add_ext(cert, e, -1), 1);
	X509_EXTENSION_free(e);
}

static X509 *make_certificate(EVP_PKEY *key, const char *name, const struct identity *issuer, int is_ca)
{
	static long serial;
	X509 *cert = X509_new();
	X509_NAME *subject;

	assert_non_null(cert);
	subject = X509_get_subject_name(cert);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_ASC, (const unsigned char *)name, (int)strlen(name), -1, 0);
	X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer->cert) : subject);
	X509_set_pubkey(cert, key);
	add_extension(cert, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	assert_true(X509_sign(cert, issuer ? issuer->key : key, EVP_sha256()) > 0);
	return cert;
}

struct identity make_identity(const char *key_type, const char *name, const struct identity *issuer)
{
	struct identity id;

	id.key = !strcmp(key_type, "RSA") ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	assert_non_null(id.key);
	id.cert = make_certificate(id.key, name, issuer, !issuer);
	return id;
}

struct identity make_authority(const char *name, const struct identity *issuer)
{
	struct identity id = {.key = EVP_EC_gen("P-256")};

	assert_non_null(id.key);
	id.cert = make_certificate(id.key, name, issuer, 1);
	return id;
}

void free_identity(struct identity *id)
{
	X509_free(id->cert);
	EVP_PKEY_free(id->key);
	memset(id, 0, sizeof(*id));
}

void use_identity(SSL_CTX *ctx, const struct identity *id)
{
	assert_int_equal(SSL_CTX_use_certificate(ctx, id->cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, id->key), 1);
}

SSL_CTX *server_context(const struct identity *id, enum ktls_verify verify, const struct identity *trusted)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION), 1);
	use_identity(ctx, id);
	if (trusted)
		assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted->cert), 1);
	assert_int_equal(ktls_context_prepare(ctx, verify), 0);
	return ctx;
}

SSL_CTX *client_context(int version, const char *suite)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
	if (suite && version == TLS1_3_VERSION)
		assert_int_equal(SSL_CTX_set_ciphersuites(ctx, suite), 1);
	else if (suite)
		assert_int_equal(SSL_CTX_set_cipher_list(ctx, suite), 1);
	return ctx;
}

SSL_CTX *peer_server_context(const struct identity *id)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	assert_non_null(ctx);
	use_identity(ctx, id);
	/* CCM is not among what OpenSSL offers by itself. */
	assert_int_equal(SSL_CTX_set_cipher_list(ctx, "ALL"), 1);
	assert_int_equal(SSL_CTX_set_ciphersuites(ctx, EVERY_SUITE_13), 1);
	return ctx;
}

SSL_CTX *our_client_context(int version, const char *suite, enum ktls_verify verify)
{
	SSL_CTX *ctx = client_context(version, suite);

	assert_int_equal(ktls_context_prepare(ctx, verify), 0);
	return ctx;
}

void assert_record(
	int fd, int flags, struct ktls_key *k, enum ktls_content_type type, const void *expected, size_t len)
{
	uint8_t record[KTLS_MAX_RECORD];
	struct ktls_plain plain;
	ssize_t n;

	assert_int_equal(recv(fd, record, KTLS_HEADER_LEN, flags), KTLS_HEADER_LEN);
	n = ktls_record_length(record);
	assert_true(n > KTLS_HEADER_LEN);
	assert_int_equal(
		recv(fd, record + KTLS_HEADER_LEN, (size_t)n - KTLS_HEADER_LEN, flags), n - KTLS_HEADER_LEN);
	assert_int_equal(ktls_record_open(k, record, (size_t)n, &plain), 0);
	assert_int_equal(plain.type, type);
	assert_int_equal(plain.len, len);
	assert_memory_equal(plain.data, expected, len);
}

long tls_stat(const char *name)
{
	FILE *f = fopen("/proc/net/tls_stat", "r");
	char word[64];
	long value, found = 0;

	while (f && fscanf(f, "%63s %ld", word, &value) == 2)
		if (!strcmp(word, name))
			found = value;
	if (f)
		fclose(f);
	return found;
}

void need_group(const char *name)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int known;

	assert_non_null(ctx);
	known = SSL_CTX_set1_groups_list(ctx, name) == 1;
	SSL_CTX_free(ctx);
	ERR_clear_error();
	if (known)
		return;
	assert_true(OpenSSL_version_num() < 0x30500000L);
	skip();
}
