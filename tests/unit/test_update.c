/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The next generation of TLS 1.3 keys. What a peer makes of them: test_rekey_peer.c. */
#include "support.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <string.h>

/* HKDF-Expand-Label of RFC 8446 7.1 with an empty context, written down from its definition. */
static void expand_label(
	const EVP_MD *md, const struct ktls_secret *secret, const char *label, uint8_t *out, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	uint8_t info[64] = {0, (uint8_t)len, (uint8_t)(6 + strlen(label))};
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)EVP_MD_get0_name(md), 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret->bytes, secret->len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, 3 + 6 + strlen(label) + 1),
		OSSL_PARAM_construct_end(),
	};

	memcpy(info + 3, "tls13 ", 6);
	memcpy(info + 9, label, strlen(label));
	assert_int_equal(EVP_KDF_derive(ctx, out, len, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static const EVP_MD *hash_of(enum ktls_aead aead)
{
	return aead == KTLS_AES_256_GCM ? EVP_sha384() : EVP_sha256();
}

static struct ktls_secret secret_of(enum ktls_aead aead)
{
	return make_secret((uint8_t)EVP_MD_get_size(hash_of(aead)), 1);
}

/* RFC 8446 7.2: application_traffic_secret_N+1, and the key and IV that 7.3 makes of it. */
static void test_generations(void **state)
{
	(void)state;
	for (int aead = 0; aead < KTLS_AEADS; aead++) {
		struct ktls_key k = make_key(TLS1_3_VERSION, aead, 1);
		struct ktls_secret secret = secret_of(aead), next = secret;

		for (unsigned i = 0; i < 5; i++) {
			uint8_t key[KTLS_MAX_KEY_LEN] = {0}, iv[KTLS_IV_LEN];

			k.seq = 1000 + i;
			assert_int_equal(ktls_key_update(&k, &secret), 0);
			expand_label(hash_of(aead), &next, "traffic upd", next.bytes, next.len);
			expand_label(hash_of(aead), &next, "key", key, ktls_aead_info(aead)->key_len);
			expand_label(hash_of(aead), &next, "iv", iv, sizeof(iv));
			assert_memory_equal(&secret, &next, sizeof(next));
			assert_memory_equal(k.key, key, sizeof(key));
			assert_memory_equal(k.iv, iv, sizeof(iv));
			assert_true(k.seq == 0);
			assert_true(k.version == TLS1_3_VERSION && k.aead == aead);
		}
	}
}

static void test_no_secret(void **state)
{
	struct ktls_key k = make_key(TLS1_3_VERSION, KTLS_AES_128_GCM, 1), before = k;
	struct ktls_secret none = {.len = 0};

	(void)state;
	assert_int_equal(ktls_key_update(&k, &none), -EINVAL);
	assert_memory_equal(&k, &before, sizeof(k));
}

/* NIST SP 800-38C: what our records hold is what OpenSSL makes by one call, for TLS 1.2 and 1.3. */
static void check_ccm(uint16_t version)
{
	struct ktls_key k = make_key(version, KTLS_AES_128_CCM, 1);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t record[128], expected[64], nonce[KTLS_IV_LEN], aad[13] = {0};
	uint8_t text[6] = {'h', 'e', 'l', 'l', 'o', KTLS_APPLICATION_DATA};
	int is_13 = version == TLS1_3_VERSION, text_len = is_13 ? 6 : 5, n;
	size_t front = KTLS_HEADER_LEN + (is_13 ? 0u : KTLS_EXPLICIT_LEN);
	ssize_t len = ktls_record_seal(&k, KTLS_APPLICATION_DATA, text, 5, record, sizeof(record));

	assert_int_equal(len, front + (size_t)text_len + KTLS_TAG_LEN);
	memcpy(nonce, k.iv, sizeof(nonce)); /* of record 0, in both versions */
	memcpy(aad + (is_13 ? 0 : 8), record, is_13 ? 5 : 3);
	aad[12] = is_13 ? 0 : 5;
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_ccm(), NULL, NULL, NULL), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, KTLS_IV_LEN, NULL), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, KTLS_TAG_LEN, NULL), 1);
	assert_int_equal(EVP_EncryptInit_ex(ctx, NULL, NULL, k.key, nonce), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, NULL, text_len), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, aad, is_13 ? 5 : 13), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, expected, &n, text, text_len), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, KTLS_TAG_LEN, expected + n), 1);
	assert_memory_equal(record + front, expected, (size_t)text_len + KTLS_TAG_LEN);
	if (!is_13)
		assert_memory_equal(record + KTLS_HEADER_LEN, nonce + 4, KTLS_EXPLICIT_LEN);
	EVP_CIPHER_CTX_free(ctx);
}

static void test_ccm(void **state)
{
	(void)state;
	check_ccm(TLS1_2_VERSION);
	check_ccm(TLS1_3_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generations),
		cmocka_unit_test(test_no_secret),
		cmocka_unit_test(test_ccm),
	};

	return cmocka_run_group_tests_name("update", tests, NULL, NULL);
}
