/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/record.h"

#include "ktls/cipher.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

static void record_nonce(const struct ktls_key *k, const uint8_t *explicit_nonce, uint8_t *nonce)
{
	uint8_t seq[8];

	memcpy(nonce, k->iv, KTLS_IV_LEN);
	if (explicit_nonce) {
		memcpy(nonce + 4, explicit_nonce, KTLS_EXPLICIT_LEN);
		return;
	}
	ktls_put_be64(seq, k->seq);
	for (int i = 0; i < 8; i++)
		nonce[4 + i] ^= seq[i];
}

/*
 * Additional data: TLS 1.3 uses the record's header (RFC 8446 5.2), TLS 1.2 a pseudo header (RFC 5246
 * 6.2.3.3).
 */
static size_t additional_data(const struct ktls_key *k, const uint8_t *header, size_t plain_len, uint8_t *aad)
{
	if (k->version == TLS1_3_VERSION) {
		memcpy(aad, header, KTLS_HEADER_LEN);
		return KTLS_HEADER_LEN;
	}
	ktls_put_be64(aad, k->seq);
	memcpy(aad + 8, header, 3);
	aad[11] = (uint8_t)(plain_len >> 8);
	aad[12] = (uint8_t)plain_len;
	return 13;
}

ssize_t ktls_record_length(const uint8_t *p)
{
	size_t len = (size_t)p[3] << 8 | p[4];

	if (p[0] < KTLS_CHANGE_CIPHER_SPEC || p[0] > KTLS_APPLICATION_DATA || p[1] != 3)
		return -EPROTO;
	if (KTLS_HEADER_LEN + len > KTLS_MAX_RECORD)
		return -EMSGSIZE;
	return (ssize_t)(KTLS_HEADER_LEN + len);
}

/* CCM must know the length before it sees the additional data (NIST SP 800-38C). */
static int announce(EVP_CIPHER_CTX *ctx, const struct ktls_key *k, size_t len)
{
	int n;

	return k->aead != KTLS_AES_128_CCM || EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)len) == 1;
}

/* Every record needs this, so it goes to the provider without the detour through EVP_CIPHER_CTX_ctrl(). */
#define TAG_AT(p)                                                                                            \
	{                                                                                                    \
		OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, p, KTLS_TAG_LEN), OSSL_PARAM_END         \
	}

/* Encrypts len bytes at text in place; the tag follows them. */
static int encrypt(struct ktls_key *k, const uint8_t *nonce, const uint8_t *aad, size_t aad_len,
	uint8_t *text, size_t len)
{
	const uint8_t *key;
	EVP_CIPHER_CTX *ctx = ktls_cipher(k, KTLS_SEAL, &key);
	OSSL_PARAM tag[] = TAG_AT(text + len);
	int n = 0, tail = 0;

	if (!ctx)
		return -ENOMEM;
	if (EVP_EncryptInit_ex2(ctx, NULL, key, nonce, NULL) != 1 || !announce(ctx, k, len) ||
		EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len) != 1 ||
		EVP_EncryptUpdate(ctx, text, &n, text, (int)len) != 1 ||
		EVP_EncryptFinal_ex(ctx, text + n, &tail) != 1 || EVP_CIPHER_CTX_get_params(ctx, tag) != 1)
		return -EIO;
	return 0;
}

/* Decrypts len bytes at text in place; the tag follows them. */
static int decrypt(struct ktls_key *k, const uint8_t *nonce, const uint8_t *aad, size_t aad_len,
	uint8_t *text, size_t len)
{
	const uint8_t *key;
	EVP_CIPHER_CTX *ctx = ktls_cipher(k, KTLS_OPEN, &key);
	const OSSL_PARAM tag[] = TAG_AT(text + len);
	int n = 0, tail = 0;

	if (!ctx)
		return -ENOMEM;
	if (EVP_DecryptInit_ex2(ctx, NULL, key, nonce, tag) != 1 || !announce(ctx, k, len) ||
		EVP_DecryptUpdate(ctx, NULL, &n, aad, (int)aad_len) != 1)
		return -EIO;
	if (EVP_DecryptUpdate(ctx, text, &n, text, (int)len) != 1 ||
		EVP_DecryptFinal_ex(ctx, text + n, &tail) != 1)
		return -EBADMSG;
	return 0;
}

ssize_t ktls_record_seal(
	struct ktls_key *k, enum ktls_content_type type, const void *in, size_t len, uint8_t *out, size_t cap)
{
	int is_13 = k->version == TLS1_3_VERSION;
	size_t explicit_len = ktls_key_has_explicit_nonce(k) ? KTLS_EXPLICIT_LEN : 0;
	size_t text_len = len + (is_13 ? 1 : 0);
	size_t body = explicit_len + text_len + KTLS_TAG_LEN;
	uint8_t *text = out + KTLS_HEADER_LEN + explicit_len;
	uint8_t nonce[KTLS_IV_LEN], aad[13];
	int rc;

	if (len > KTLS_MAX_PLAIN || KTLS_HEADER_LEN + body > cap)
		return -EMSGSIZE;
	if (k->seq == UINT64_MAX)
		return -EOVERFLOW;
	out[0] = is_13 ? KTLS_APPLICATION_DATA : (uint8_t)type;
	out[1] = 3;
	out[2] = 3;
	out[3] = (uint8_t)(body >> 8);
	out[4] = (uint8_t)body;
	if (explicit_len)
		ktls_key_explicit_nonce(k, out + KTLS_HEADER_LEN);
	if (len)
		memcpy(text, in, len);
	if (is_13)
		text[len] = (uint8_t)type;
	record_nonce(k, explicit_len ? out + KTLS_HEADER_LEN : NULL, nonce);
	rc = encrypt(k, nonce, aad, additional_data(k, out, len, aad), text, text_len);
	if (rc) {
		ktls_cipher_keys_gone();
		return rc;
	}
	k->seq++;
	return (ssize_t)(KTLS_HEADER_LEN + body);
}

/* RFC 8446 5.4: the content is followed by its type and any number of zeros. */
static int unpad(struct ktls_plain *plain)
{
	while (plain->len && !plain->data[plain->len - 1])
		plain->len--;
	if (!plain->len)
		return -EPROTO;
	plain->type = plain->data[--plain->len];
	return 0;
}

int ktls_record_open(struct ktls_key *k, uint8_t *record, size_t len, struct ktls_plain *plain)
{
	int is_13 = k->version == TLS1_3_VERSION;
	size_t explicit_len = ktls_key_has_explicit_nonce(k) ? KTLS_EXPLICIT_LEN : 0;
	size_t overhead = KTLS_HEADER_LEN + explicit_len + KTLS_TAG_LEN;
	uint8_t *text = record + KTLS_HEADER_LEN + explicit_len;
	uint8_t nonce[KTLS_IV_LEN], aad[13];
	size_t text_len;
	int rc;

	/* A TLS 1.3 record is opaque (RFC 8446 5.2); a record too short for its tag can only be a forgery. */
	if (is_13 && record[0] != KTLS_APPLICATION_DATA)
		return -EPROTO;
	if (len < overhead)
		return -EBADMSG;
	text_len = len - overhead;
	if (text_len > KTLS_MAX_PLAIN + (is_13 ? 1u : 0u))
		return -EMSGSIZE;
	if (k->seq == UINT64_MAX)
		return -EOVERFLOW;
	record_nonce(k, explicit_len ? record + KTLS_HEADER_LEN : NULL, nonce);
	rc = decrypt(k, nonce, aad, additional_data(k, record, text_len, aad), text, text_len);
	if (rc) {
		ktls_cipher_keys_gone();
		return rc;
	}
	k->seq++;
	*plain = (struct ktls_plain){.type = record[0], .data = text, .len = text_len};
	if (is_13 && unpad(plain))
		return -EPROTO;
	return plain->len > KTLS_MAX_PLAIN ? -EMSGSIZE : 0;
}
