/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "select/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct facts {
	const char *version, *cipher;
	char description[128]; /* SSL_CIPHER_description(3) asks for 128 */
	int bits;
	X509 *peer; /* owned by ssl */
	int peer_len;
};

static void gather(SSL *ssl, struct facts *f)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);

	f->version = SSL_get_version(ssl);
	f->cipher = SSL_CIPHER_get_name(cipher);
	f->bits = SSL_CIPHER_get_bits(cipher, NULL);
	f->description[0] = '\0';
	if (cipher)
		SSL_CIPHER_description(cipher, f->description, sizeof(f->description));
	f->peer = SSL_get0_peer_certificate(ssl);
	f->peer_len = f->peer ? i2d_X509(f->peer, NULL) : 0;
	if (f->peer_len < 0)
		f->peer_len = 0;
}

static size_t size_of(const struct facts *f)
{
	return sizeof(struct snapshot) + strlen(f->version) + strlen(f->cipher) + strlen(f->description) + 3 +
	       (size_t)f->peer_len;
}

size_t snapshot_size(SSL *ssl)
{
	struct facts f;

	gather(ssl, &f);
	return size_of(&f);
}

static uint16_t put_string(struct snapshot *s, size_t *off, const char *text)
{
	uint16_t at = (uint16_t)*off;
	size_t len = strlen(text) + 1;

	memcpy(s->data + at, text, len);
	*off += len;
	return at;
}

int snapshot_take(
	struct snapshot *s, size_t size, SSL *ssl, enum ktls_home home, const struct snapshot_cert *own)
{
	struct facts f;
	size_t off = 0;
	uint8_t *der;

	gather(ssl, &f);
	if (size < size_of(&f))
		return -ENOSPC;
	memset(s, 0, sizeof(*s));
	s->size = (uint32_t)size;
	s->verify_result = (int32_t)SSL_get_verify_result(ssl);
	s->bits = (uint16_t)f.bits;
	s->home = (uint8_t)home;
	s->own = own;
	s->version = put_string(s, &off, f.version);
	s->cipher = put_string(s, &off, f.cipher);
	s->description = put_string(s, &off, f.description);
	s->peer = (uint32_t)off;
	s->peer_len = (uint32_t)f.peer_len;
	der = s->data + off;
	if (f.peer_len && i2d_X509(f.peer, &der) != f.peer_len)
		s->peer_len = 0;
	return 0;
}
