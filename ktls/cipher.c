/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

struct slot {
	EVP_CIPHER_CTX *ctx; /* NULL: the slot is free */
	uint64_t begin;      /* the key's first bytes: few comparisons go beyond them */
	uint8_t key[KTLS_MAX_KEY_LEN];
};

static _Thread_local struct slot slots[KTLS_AEADS][2][KTLS_CIPHERS_KEPT];
static _Thread_local uint32_t seen;

static uint32_t own_counter;
static uint32_t *gone = &own_counter;

/* OpenSSL wipes a context before it frees the memory. */
static void forget(struct slot *s)
{
	EVP_CIPHER_CTX_free(s->ctx);
	OPENSSL_cleanse(s, sizeof(*s));
}

static void forget_all(void)
{
	struct slot *all = slots[0][0];

	for (size_t i = 0; i < sizeof(slots) / sizeof(*all); i++)
		if (all[i].ctx)
			forget(&all[i]);
}

static void forget_what_is_gone(void)
{
	uint32_t now = __atomic_load_n(gone, __ATOMIC_ACQUIRE);

	if (now == seen)
		return;
	seen = now;
	forget_all();
}

void ktls_cipher_keys_gone(void)
{
	__atomic_add_fetch(gone, 1, __ATOMIC_RELEASE);
	forget_what_is_gone();
}

void ktls_cipher_share(uint32_t *counter)
{
	gone = counter;
	forget_what_is_gone();
}

/* CCM's default lengths of nonce and tag differ from TLS's. */
static int prepare(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, enum ktls_aead aead, int direction)
{
	return EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, direction, NULL) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, KTLS_IV_LEN, NULL) == 1 &&
	       (aead != KTLS_AES_128_CCM ||
		       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, KTLS_TAG_LEN, NULL) == 1);
}

static EVP_CIPHER_CTX *make(enum ktls_aead aead, int direction)
{
	static _Thread_local EVP_CIPHER *ciphers[KTLS_AEADS]; /* a lookup costs more than a record */
	EVP_CIPHER_CTX *ctx;

	if (!ciphers[aead])
		ciphers[aead] = EVP_CIPHER_fetch(NULL, ktls_aead_info(aead)->evp_name, NULL);
	ctx = ciphers[aead] ? EVP_CIPHER_CTX_new() : NULL;
	if (ctx && prepare(ctx, ciphers[aead], aead, direction))
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

/*
 * A free slot, or else any. Taking the one used longest ago would miss every time if the connections that
 * take turns are a few more than the slots.
 */
static struct slot *choose(struct slot *s)
{
	static _Thread_local uint32_t state;

	for (unsigned i = 0; i < KTLS_CIPHERS_KEPT; i++)
		if (!s[i].ctx)
			return &s[i];
	state = state * 1664525 +
		1013904223; /* a generator from Numerical Recipes; predicting it gains nothing */
	return &s[(state >> 16) % KTLS_CIPHERS_KEPT];
}

EVP_CIPHER_CTX *ktls_cipher(const struct ktls_key *k, enum ktls_direction direction, const uint8_t **init)
{
	struct slot *s = slots[k->aead][direction];
	size_t len = ktls_aead_info(k->aead)->key_len;
	uint64_t begin;

	forget_what_is_gone();
	memcpy(&begin, k->key, sizeof(begin));
	for (unsigned i = 0; i < KTLS_CIPHERS_KEPT; i++)
		if (s[i].begin == begin && s[i].ctx && !memcmp(s[i].key, k->key, len)) {
			*init = NULL;
			return s[i].ctx;
		}
	s = choose(s);
	if (!s->ctx)
		s->ctx = make(k->aead, direction);
	if (!s->ctx)
		return NULL;
	memcpy(s->key, k->key, len);
	s->begin = begin;
	*init = k->key;
	return s->ctx;
}
