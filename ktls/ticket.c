/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/ticket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert(sizeof(struct ktls_ticket_key) == KTLS_TICKET_KEY_BYTES, "a key is what a file has");

enum {
	READ_ATTEMPTS = 1000, /* a writer needs less than a microsecond */
	AES_BLOCK = 16,
};

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int ctx_index = -1;

static void make_index(void)
{
	ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static void write_keys(struct ktls_ticket_keys *keys, const struct ktls_ticket_key *from, uint32_t count)
{
	__atomic_add_fetch(&keys->version, 1, __ATOMIC_ACQ_REL);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memcpy(keys->keys, from, count * sizeof(*from));
	OPENSSL_cleanse(keys->keys + count, (KTLS_TICKET_KEYS - count) * sizeof(*from));
	keys->count = count;
	__atomic_add_fetch(&keys->version, 1, __ATOMIC_ACQ_REL);
}

/* Makes a consistent copy. Returns the number of keys; also 0 if the writer died halfway. */
static uint32_t read_keys(const struct ktls_ticket_keys *keys, struct ktls_ticket_key *to)
{
	for (int i = 0; i < READ_ATTEMPTS; i++) {
		uint32_t before = __atomic_load_n(&keys->version, __ATOMIC_ACQUIRE), count = keys->count;

		memcpy(to, keys->keys, sizeof(keys->keys));
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (!(before & 1) && before == __atomic_load_n(&keys->version, __ATOMIC_ACQUIRE))
			return count;
	}
	return 0;
}

int ktls_ticket_rotate(struct ktls_ticket_keys *keys)
{
	struct ktls_ticket_key next[KTLS_TICKET_KEYS];
	uint32_t old = keys->count < KTLS_TICKET_KEYS ? keys->count : KTLS_TICKET_KEYS - 1;

	if (RAND_bytes(next[0].name, sizeof(next[0].name)) != 1 ||
		RAND_priv_bytes(next[0].hmac, sizeof(next[0].hmac)) != 1 ||
		RAND_priv_bytes(next[0].aes, sizeof(next[0].aes)) != 1)
		return -EIO;
	memcpy(next + 1, keys->keys, old * sizeof(next[0]));
	write_keys(keys, next, old + 1);
	OPENSSL_cleanse(next, sizeof(next));
	return 0;
}

int ktls_ticket_read(struct ktls_ticket_keys *keys, const char *path)
{
	struct ktls_ticket_key next[KTLS_TICKET_KEYS + 1]; /* one more, to notice a file that is too long */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;
	int rc = 0;

	if (fd < 0)
		return -errno;
	n = read(fd, next, sizeof(next));
	if (n < 0)
		rc = -errno;
	else if (!n || n % KTLS_TICKET_KEY_BYTES || n > KTLS_TICKET_KEYS * KTLS_TICKET_KEY_BYTES)
		rc = -EINVAL;
	else
		write_keys(keys, next, (uint32_t)n / KTLS_TICKET_KEY_BYTES);
	OPENSSL_cleanse(next, sizeof(next));
	close(fd);
	return rc;
}

void ktls_ticket_replace(struct ktls_ticket_keys *keys, const struct ktls_ticket_keys *by)
{
	write_keys(keys, by->keys, by->count);
}

/* OpenSSL would look it up for each ticket. */
static const EVP_CIPHER *aes(void)
{
	static _Thread_local EVP_CIPHER *kept;

	if (!kept)
		kept = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	return kept;
}

static int set_up(const struct ktls_ticket_key *key, const uint8_t *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int encrypt)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->hmac, sizeof(key->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return aes() && EVP_MAC_CTX_set_params(mac, params) == 1 &&
	       EVP_CipherInit_ex2(cipher, aes(), key->aes, iv, encrypt, NULL) == 1;
}

static int protect(const struct ktls_ticket_key *key, uint8_t *name, uint8_t *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac)
{
	memcpy(name, key->name, sizeof(key->name));
	return RAND_bytes(iv, AES_BLOCK) == 1 && set_up(key, iv, cipher, mac, 1) ? 1 : -1;
}

/*
 * 0: the handshake goes on without the ticket. 2: the session is resumed but gets a new ticket; in TLS 1.3
 * always, because a ticket should be used only once (RFC 8446 C.4).
 */
static int open_ticket(int version, const struct ktls_ticket_key *keys, uint32_t count, const uint8_t *name,
	const uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	for (uint32_t i = 0; i < count; i++) {
		if (memcmp(name, keys[i].name, sizeof(keys[i].name)))
			continue;
		if (!set_up(&keys[i], iv, cipher, mac, 0))
			return -1;
		return i || version == TLS1_3_VERSION ? 2 : 1;
	}
	return 0;
}

/* As described in SSL_CTX_set_tlsext_ticket_key_evp_cb(3). */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int encrypt)
{
	struct ktls_ticket_keys *shared = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
	struct ktls_ticket_key keys[KTLS_TICKET_KEYS];
	uint32_t count = shared ? read_keys(shared, keys) : 0;
	int rc = 0; /* without a key there is no ticket */

	if (count)
		rc = encrypt ? protect(&keys[0], name, iv, cipher, mac)
			     : open_ticket(SSL_version(ssl), keys, count, name, iv, cipher, mac);
	OPENSSL_cleanse(keys, sizeof(keys));
	return rc;
}

int ktls_ticket_use(SSL_CTX *ctx, struct ktls_ticket_keys *keys)
{
	if (!CRYPTO_THREAD_run_once(&once, make_index) || ctx_index < 0)
		return -ENOMEM;
	if (SSL_CTX_set_ex_data(ctx, ctx_index, keys) != 1 ||
		SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) != 1)
		return -ENOMEM;
	return 0;
}
