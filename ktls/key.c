/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/key.h"

#include "ktls/cipher.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <string.h>

void ktls_put_be64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

uint64_t ktls_get_be64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

int ktls_key_has_explicit_nonce(const struct ktls_key *k)
{
	return k->version == TLS1_2_VERSION && ktls_aead_info(k->aead)->tls12_salt_len != KTLS_IV_LEN;
}

void ktls_key_explicit_nonce(const struct ktls_key *k, uint8_t *nonce)
{
	ktls_put_be64(nonce, ktls_get_be64(k->iv + 4) + k->seq);
}

void ktls_key_wipe(struct ktls_key *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}

enum kdf {
	TLS13_KDF,
	TLS1_PRF,
	KDFS,
};

/* To look one up costs more than to use it, so each thread keeps them; no secret stays in them. */
static EVP_KDF_CTX *context_of(enum kdf which)
{
	static const char *const names[KDFS] = {[TLS13_KDF] = "TLS13-KDF", [TLS1_PRF] = "TLS1-PRF"};
	static _Thread_local EVP_KDF_CTX *kept[KDFS];
	EVP_KDF *kdf;

	if (kept[which])
		return kept[which];
	kdf = EVP_KDF_fetch(NULL, names[which], NULL);
	kept[which] = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	EVP_KDF_free(kdf); /* the context has a reference of its own */
	return kept[which];
}

static int run_kdf(enum kdf which, const OSSL_PARAM *params, uint8_t *out, size_t len)
{
	EVP_KDF_CTX *ctx = context_of(which);
	int rc;

	if (!ctx)
		return -ENOMEM;
	rc = EVP_KDF_derive(ctx, out, len, params) == 1 ? 0 : -EIO;
	EVP_KDF_CTX_reset(ctx);
	return rc;
}

static int expand_label(const EVP_MD *md, const uint8_t *secret, size_t secret_len, const char *label,
	uint8_t *out, size_t len)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)EVP_MD_get0_name(md), 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, secret_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, "tls13 ", 6),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (char *)label, strlen(label)),
		OSSL_PARAM_construct_end(),
	};

	return run_kdf(TLS13_KDF, params, out, len);
}

int ktls_key_from_secret(
	struct ktls_key *k, enum ktls_aead aead, const EVP_MD *md, const uint8_t *secret, size_t secret_len)
{
	int rc;

	if (secret_len > KTLS_MAX_SECRET_LEN) {
		ktls_key_wipe(k);
		return -EINVAL;
	}
	*k = (struct ktls_key){.version = TLS1_3_VERSION, .aead = aead};
	rc = expand_label(md, secret, secret_len, "key", k->key, ktls_aead_info(aead)->key_len);
	if (!rc)
		rc = expand_label(md, secret, secret_len, "iv", k->iv, KTLS_IV_LEN);
	if (rc)
		ktls_key_wipe(k);
	return rc;
}

int ktls_key_update(struct ktls_key *k, struct ktls_secret *secret)
{
	const EVP_MD *md = secret->len == 48 ? EVP_sha384() : EVP_sha256();
	struct ktls_secret next = {.len = secret->len};
	struct ktls_key key;
	int rc;

	if (!secret->len)
		return -EINVAL;
	rc = expand_label(md, secret->bytes, secret->len, "traffic upd", next.bytes, next.len);
	if (!rc)
		rc = ktls_key_from_secret(&key, k->aead, md, next.bytes, next.len);
	if (!rc) {
		*k = key;
		*secret = next;
		ktls_key_wipe(&key);
		ktls_cipher_keys_gone();
	}
	OPENSSL_cleanse(&next, sizeof(next));
	return rc;
}

int ktls_keys_from_master(
	struct ktls_key *client, struct ktls_key *server, enum ktls_aead aead, const struct ktls_master *m)
{
	const struct ktls_aead_info *info = ktls_aead_info(aead);
	uint8_t block[2 * (KTLS_MAX_KEY_LEN + KTLS_IV_LEN)];
	const uint8_t *p = block;
	/* The seed is the concatenation of these three; the server's random comes first (RFC 5246 6.3). */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)EVP_MD_get0_name(m->md), 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, (void *)m->secret, m->secret_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, "key expansion", 13),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)m->server_random, 32),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)m->client_random, 32),
		OSSL_PARAM_construct_end(),
	};
	int rc = run_kdf(TLS1_PRF, params, block, 2 * ((size_t)info->key_len + info->tls12_salt_len));

	*client = *server = (struct ktls_key){.version = TLS1_2_VERSION, .aead = aead};
	if (rc) {
		ktls_key_wipe(client);
		ktls_key_wipe(server);
		return rc;
	}
	memcpy(client->key, p, info->key_len);
	memcpy(server->key, p += info->key_len, info->key_len);
	memcpy(client->iv, p += info->key_len, info->tls12_salt_len);
	memcpy(server->iv, p += info->tls12_salt_len, info->tls12_salt_len);
	OPENSSL_cleanse(block, sizeof(block));
	return 0;
}
