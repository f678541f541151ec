/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "support.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* RFC 8448 section 3, "derive write traffic keys". */
static const struct {
	const char *secret, *key, *iv;
} traffic[] = {
	{"b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38", /* server, handshake */
		"3fce516009c21727d0f2e4e86ee403bc", "5d313eb2671276ee13000b30"},
	{"b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21", /* client, handshake */
		"dbfaa693d1762c5b666af5d950258d01", "5bd3c71b836e0b76bb73265f"},
	{"a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643", /* server, application */
		"9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984"},
	{"9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5", /* client, application */
		"17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9"},
};

static void test_traffic_keys_of_rfc8448(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(traffic); i++) {
		uint8_t secret[KTLS_MAX_SECRET_LEN];
		struct ktls_key k;
		size_t len = unhex(traffic[i].secret, secret, sizeof(secret));

		memset(&k, 0xee, sizeof(k));
		assert_int_equal(ktls_key_from_secret(&k, KTLS_AES_128_GCM, EVP_sha256(), secret, len), 0);
		assert_int_equal(k.version, TLS1_3_VERSION);
		assert_int_equal(k.aead, KTLS_AES_128_GCM);
		assert_int_equal(k.seq, 0);
		assert_hex(k.key, 16, traffic[i].key);
		assert_hex(k.iv, KTLS_IV_LEN, traffic[i].iv);
		assert_zero(k.key + 16, sizeof(k.key) - 16);
	}
}

/* Key and IV must not depend on what the memory held, and each AEAD gets as much key as it takes. */
static void test_traffic_key_lengths(void **state)
{
	uint8_t secret[KTLS_MAX_SECRET_LEN];
	struct ktls_key k;

	(void)state;
	fill(secret, sizeof(secret), 1);
	for (int aead = 0; aead < KTLS_AEADS; aead++) {
		size_t key_len = ktls_aead_info(aead)->key_len;

		memset(&k, 0xee, sizeof(k));
		assert_int_equal(ktls_key_from_secret(&k, aead, EVP_sha384(), secret, sizeof(secret)), 0);
		assert_zero(k.key + key_len, sizeof(k.key) - key_len);
		assert_true(k.key[key_len - 1] || k.key[key_len - 2] || k.key[key_len - 3]);
	}
}

static void test_bad_secrets_leave_no_key(void **state)
{
	uint8_t secret[KTLS_MAX_SECRET_LEN + 1] = {1};
	struct ktls_key k = make_key(TLS1_3_VERSION, KTLS_AES_256_GCM, 1);

	(void)state;
	assert_int_equal(
		ktls_key_from_secret(&k, KTLS_AES_128_GCM, EVP_sha256(), secret, sizeof(secret)), -EINVAL);
	assert_zero(&k, sizeof(k));
	k = make_key(TLS1_3_VERSION, KTLS_AES_256_GCM, 1);
	/* No HKDF can be made with this one. */
	assert_int_equal(ktls_key_from_secret(&k, KTLS_AES_128_GCM, EVP_md_null(), secret, 32), -EIO);
	assert_zero(&k, sizeof(k));
}

/*
 * NIST CAVP, SP 800-135 component test, TLS 1.2 KDF: the first "key_block" of SHA-256 and of SHA-384. RFC
 * 5246 6.3 cuts the keys from its front.
 */
static const struct {
	const char *digest, *master, *server_random, *client_random, *block;
} prf[] = {
	{"SHA256",
		"202c88c00f84a17a20027079604787461176455539e705be730890602c289a50"
		"01e34eeb3a043e5d52a65e66125188bf",
		"ae6c806f8ad4d80784549dff28a4b58fd837681a51d928c3e30ee5ff14f39868",
		"62e1fd91f23f558a605f28478c58cf72637b89784d959df7e946d3f07bd1b616",
		"d06139889fffac1e3a71865f504aa5d0d2a2e89506c6f2279b670c3e1b74f531"
		"016a2530c51a3a0f7e1d6590d0f0566b2f387f8d11fd4f731cdd572d2eae927f"
		"6f2f81410b25e6960be68985add6c38445ad9f8c64bf8068bf9a6679485d966f"
		"1ad6f68b43495b10a683755ea2b858d70ccac7ec8b053c6bd41ca299d4e51928"},
	{"SHA384",
		"b4d49bfa87747fe815457bc3da15073d6ac73389e703079a3503c09e14bd559a"
		"5b3c7c601c7365f6ea8c68d3d9596827",
		"1b1c8568344a65c30828e7483c0e353e2c68641c9551efae6927d9cd627a107c",
		"954b5fe1849c2ede177438261f099a2fcd884d001b9fe1de754364b1f6a6dd8e",
		"10fd89ef689c7ef033387b8a8f3e5e8e7c11f680f6bdd71fbac3246a73e98d45"
		"d03185dde686e6b2369e4503e9dc5a6d2cee3e2bf2fa3f41d3de57dff3e197c8"
		"a9d5f74cc2d277119d894f8584b07a0a5822f0bd68b3433ec6adaf5c9406c5f3"
		"ddbb71bbe17ce98f3d4d5893d3179ef369f57aad908e2bf710639100c3ce7e0c"},
};

static void check_key(
	const struct ktls_key *k, enum ktls_aead aead, const uint8_t *key, size_t key_len, const uint8_t *iv)
{
	size_t salt_len = aead == KTLS_CHACHA20_POLY1305 ? 12 : 4;

	assert_int_equal(k->version, TLS1_2_VERSION);
	assert_int_equal(k->aead, aead);
	assert_int_equal(k->seq, 0);
	assert_memory_equal(k->key, key, key_len);
	assert_zero(k->key + key_len, sizeof(k->key) - key_len);
	assert_memory_equal(k->iv, iv, salt_len);
	assert_zero(k->iv + salt_len, sizeof(k->iv) - salt_len);
}

static void check_key_block(unsigned vector, enum ktls_aead aead, size_t key_len, size_t salt_len)
{
	uint8_t secret[KTLS_MAX_SECRET_LEN], server_random[32], client_random[32], block[128];
	struct ktls_master m = {
		.md = EVP_get_digestbyname(prf[vector].digest),
		.secret = secret,
		.secret_len = unhex(prf[vector].master, secret, sizeof(secret)),
		.client_random = client_random,
		.server_random = server_random,
	};
	struct ktls_key client, server;

	unhex(prf[vector].server_random, server_random, 32);
	unhex(prf[vector].client_random, client_random, 32);
	unhex(prf[vector].block, block, sizeof(block));
	memset(&client, 0xee, sizeof(client));
	memset(&server, 0xee, sizeof(server));
	assert_int_equal(ktls_keys_from_master(&client, &server, aead, &m), 0);
	check_key(&client, aead, block, key_len, block + 2 * key_len);
	check_key(&server, aead, block + key_len, key_len, block + 2 * key_len + salt_len);
}

static void test_key_block_of_cavp(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(prf); i++) {
		check_key_block(i, KTLS_AES_128_GCM, 16, 4);
		check_key_block(i, KTLS_AES_256_GCM, 32, 4);
		check_key_block(i, KTLS_CHACHA20_POLY1305, 32, 12);
		check_key_block(i, KTLS_AES_128_CCM, 16, 4);
	}
}

static void test_bad_master_leaves_no_keys(void **state)
{
	uint8_t secret[KTLS_MAX_SECRET_LEN] = {1}, randoms[32] = {2};
	struct ktls_master m = {.md = EVP_md_null(),
		.secret = secret,
		.secret_len = sizeof(secret),
		.client_random = randoms,
		.server_random = randoms};
	struct ktls_key client = make_key(TLS1_2_VERSION, KTLS_AES_128_GCM, 1), server = client;

	(void)state;
	assert_int_equal(ktls_keys_from_master(&client, &server, KTLS_AES_128_GCM, &m), -EIO);
	assert_zero(&client, sizeof(client));
	assert_zero(&server, sizeof(server));
}

static void test_only_tls12_aes_carries_its_nonce(void **state)
{
	(void)state;
	for (int aead = 0; aead < KTLS_AEADS; aead++) {
		struct ktls_key k12 = make_key(TLS1_2_VERSION, aead, 1);
		struct ktls_key k13 = make_key(TLS1_3_VERSION, aead, 1);

		assert_int_equal(!!ktls_key_has_explicit_nonce(&k12), aead != KTLS_CHACHA20_POLY1305);
		assert_false(ktls_key_has_explicit_nonce(&k13));
	}
}

static void test_explicit_nonce_counts(void **state)
{
	struct ktls_key k = make_key(TLS1_2_VERSION, KTLS_AES_128_GCM, 1);
	uint8_t nonce[KTLS_EXPLICIT_LEN];

	(void)state;
	unhex("01020304a0a1a2a3a4a5a6ff", k.iv, sizeof(k.iv));
	ktls_key_explicit_nonce(&k, nonce);
	assert_hex(nonce, 8, "a0a1a2a3a4a5a6ff");
	k.seq = 1;
	ktls_key_explicit_nonce(&k, nonce);
	assert_hex(nonce, 8, "a0a1a2a3a4a5a700");
	k.seq = UINT64_C(0x100000000);
	ktls_key_explicit_nonce(&k, nonce);
	assert_hex(nonce, 8, "a0a1a2a4a4a5a6ff");
}

/* OpenSSL begins anywhere; running over the end is no reuse as long as 2^64 records are not exceeded. */
static void test_explicit_nonce_wraps(void **state)
{
	struct ktls_key k = make_key(TLS1_2_VERSION, KTLS_AES_256_GCM, 1);
	uint8_t nonce[KTLS_EXPLICIT_LEN];

	(void)state;
	unhex("01020304ffffffffffffffff", k.iv, sizeof(k.iv));
	ktls_key_explicit_nonce(&k, nonce);
	assert_hex(nonce, 8, "ffffffffffffffff");
	k.seq = 1;
	ktls_key_explicit_nonce(&k, nonce);
	assert_hex(nonce, 8, "0000000000000000");
	k.seq = UINT64_MAX;
	ktls_key_explicit_nonce(&k, nonce);
	assert_hex(nonce, 8, "fffffffffffffffe");
}

static void test_big_endian_numbers(void **state)
{
	uint8_t bytes[8];

	(void)state;
	ktls_put_be64(bytes, UINT64_C(0x0123456789abcdef));
	assert_hex(bytes, 8, "0123456789abcdef");
	assert_true(ktls_get_be64(bytes) == UINT64_C(0x0123456789abcdef));
	ktls_put_be64(bytes, UINT64_MAX);
	assert_true(ktls_get_be64(bytes) == UINT64_MAX);
}

static void test_wipe_overwrites(void **state)
{
	/* On the heap, read through volatile: the compiler must not know what the wiped bytes are. */
	struct ktls_key *k = malloc(sizeof(*k));
	const volatile uint8_t *bytes = (const volatile uint8_t *)k;

	(void)state;
	assert_non_null(k);
	memset(k, 0xa5, sizeof(*k));
	ktls_key_wipe(k);
	for (size_t i = 0; i < sizeof(*k); i++)
		assert_int_equal(bytes[i], 0);
	free(k);
}

static void test_suites(void **state)
{
	static const struct {
		const char *suite;
		int rc;
		enum ktls_aead aead;
	} suites[] = {
		{"ECDHE-RSA-AES128-GCM-SHA256", 0, KTLS_AES_128_GCM},
		{"ECDHE-ECDSA-AES256-GCM-SHA384", 0, KTLS_AES_256_GCM},
		{"ECDHE-RSA-CHACHA20-POLY1305", 0, KTLS_CHACHA20_POLY1305},
		{"AES128-SHA", -EOPNOTSUPP, KTLS_AEADS},
		{"ECDHE-ECDSA-AES128-CCM", 0, KTLS_AES_128_CCM},
		{"ECDHE-ECDSA-AES128-CCM8", -EOPNOTSUPP, KTLS_AEADS},
		{"ECDHE-ECDSA-AES256-CCM", -EOPNOTSUPP, KTLS_AEADS},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(suites); i++) {
		SSL_CTX *ctx = client_context(TLS1_2_VERSION, suites[i].suite);
		STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ctx);
		enum ktls_aead aead = KTLS_AEADS;

		/* The TLS 1.3 suites come first, the one asked for is the last. */
		assert_int_equal(
			ktls_aead_of_cipher(sk_SSL_CIPHER_value(all, sk_SSL_CIPHER_num(all) - 1), &aead),
			suites[i].rc);
		assert_int_equal(aead, suites[i].aead);
		SSL_CTX_free(ctx);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traffic_keys_of_rfc8448),
		cmocka_unit_test(test_traffic_key_lengths),
		cmocka_unit_test(test_bad_secrets_leave_no_key),
		cmocka_unit_test(test_key_block_of_cavp),
		cmocka_unit_test(test_bad_master_leaves_no_keys),
		cmocka_unit_test(test_only_tls12_aes_carries_its_nonce),
		cmocka_unit_test(test_explicit_nonce_counts),
		cmocka_unit_test(test_explicit_nonce_wraps),
		cmocka_unit_test(test_big_endian_numbers),
		cmocka_unit_test(test_wipe_overwrites),
		cmocka_unit_test(test_suites),
	};

	return cmocka_run_group_tests_name("key", tests, NULL, NULL);
}
