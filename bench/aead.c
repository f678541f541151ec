/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into a SER that speaks plain TCP: for each SIP message that it reads or sends it also makes the
 * calls of OpenSSL that a TLS 1.3 record with AES-256-GCM takes, and nothing else. So it costs what TLS in
 * user space costs at least. Both ways are an encryption, which takes as many calls as decrypting does.
 */
#include <dlfcn.h>
#include <err.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	TEXT_MAX = 16384,
	NONCE_LEN = 12,
	HEADER_LEN = 5,
	TAG_LEN = 16,
};

unsigned long aead_records; /* for a test */

/* In the library these are read() and send() (CMakeLists.txt). */
ssize_t aead_read(int fd, void *data, size_t len);
ssize_t aead_send(int fd, const void *data, size_t len, int flags);

static EVP_CIPHER_CTX *context(void)
{
	static const unsigned char key[32];
	static EVP_CIPHER_CTX *ctx;

	if (ctx)
		return ctx;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx || EVP_EncryptInit_ex2(ctx, EVP_aes_256_gcm(), key, NULL, NULL) != 1)
		errx(EXIT_FAILURE, "aead: no AES-256-GCM");
	return ctx;
}

static void encrypt(const unsigned char *text, int len)
{
	static unsigned char out[TEXT_MAX], nonce[NONCE_LEN], header[HEADER_LEN], tag[TAG_LEN];
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, TAG_LEN), OSSL_PARAM_END};
	EVP_CIPHER_CTX *ctx = context();
	int n;

	aead_records++;
	memcpy(nonce, &aead_records, sizeof(aead_records));
	if (EVP_EncryptInit_ex2(ctx, NULL, NULL, nonce, NULL) != 1 ||
		EVP_EncryptUpdate(ctx, NULL, &n, header, HEADER_LEN) != 1 ||
		EVP_EncryptUpdate(ctx, out, &n, text, len) != 1 || EVP_EncryptFinal_ex(ctx, out, &n) != 1 ||
		EVP_CIPHER_CTX_get_params(ctx, params) != 1)
		errx(EXIT_FAILURE, "aead: a record could not be encrypted");
}

static void look_at(const void *data, ssize_t len)
{
	static const char *const begins[] = {"OPTIONS ", "MESSAGE ", "SIP/2.0 "};

	for (size_t i = 0; len >= 8 && i < sizeof(begins) / sizeof(*begins); i++)
		if (!memcmp(data, begins[i], 8))
			encrypt(data, len > TEXT_MAX ? TEXT_MAX : (int)len);
}

static void *next(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		errx(EXIT_FAILURE, "aead: libc has no %s", name);
	return found;
}

ssize_t aead_read(int fd, void *data, size_t len)
{
	static ssize_t (*real)(int, void *, size_t);

	if (!real)
		*(void **)&real = next("read");
	ssize_t n = real(fd, data, len);
	look_at(data, n);
	return n;
}

ssize_t aead_send(int fd, const void *data, size_t len, int flags)
{
	static ssize_t (*real)(int, const void *, size_t, int);

	if (!real)
		*(void **)&real = next("send");
	look_at(data, (ssize_t)len);
	return real(fd, data, len, flags);
}
