/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "select/snapshot.h"

#include "ktls/nic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct facts {
	const char *version, *cipher;
	const char *server_name, *group; /* or NULL */
	char description[128];           /* SSL_CIPHER_description(3) asks for 128 */
	int bits;
	const unsigned char *alpn;
	unsigned alpn_len;
	X509 *peer; /* owned by ssl, like the chain */
	int peer_len;
	STACK_OF(X509) * chain; /* NULL: do not keep it */
	size_t chain_len;
};

static int der_len(X509 *cert)
{
	int len = i2d_X509(cert, NULL);

	return len < 0 ? 0 : len;
}

static void gather_chain(SSL *ssl, struct facts *f)
{
	f->chain = SSL_get0_verified_chain(ssl);
	if (sk_X509_num(f->chain) > UINT8_MAX || !f->peer_len)
		f->chain = NULL;
	for (int i = 1; i < sk_X509_num(f->chain); i++)
		f->chain_len += sizeof(uint32_t) + (size_t)der_len(sk_X509_value(f->chain, i));
}

static size_t string_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static size_t size_of(const struct facts *f)
{
	return offsetof(struct snapshot, data) + string_size(f->version) + string_size(f->cipher) +
	       string_size(f->description) + string_size(f->server_name) + string_size(f->group) +
	       f->alpn_len + (size_t)f->peer_len + f->chain_len;
}

static void gather(SSL *ssl, const struct snapshot_about *about, struct facts *f)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	int group = (int)SSL_get_negotiated_group(ssl);

	memset(f, 0, sizeof(*f));
	f->version = SSL_get_version(ssl);
	f->cipher = SSL_CIPHER_get_name(cipher);
	f->bits = SSL_CIPHER_get_bits(cipher, NULL);
	if (cipher)
		SSL_CIPHER_description(cipher, f->description, sizeof(f->description));
	f->server_name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	f->group = group ? SSL_group_to_name(ssl, group) : NULL;
	SSL_get0_alpn_selected(ssl, &f->alpn, &f->alpn_len);
	f->peer = SSL_get0_peer_certificate(ssl);
	f->peer_len = f->peer ? der_len(f->peer) : 0;
	if (about->keep_chain)
		gather_chain(ssl, f);
	if (f->chain && size_of(f) > SNAPSHOT_MAX) {
		f->chain = NULL;
		f->chain_len = 0;
	}
}

size_t snapshot_size(SSL *ssl, const struct snapshot_about *about)
{
	struct facts f;

	gather(ssl, about, &f);
	return size_of(&f);
}

static uint16_t put(struct snapshot *s, size_t *off, const void *bytes, size_t len)
{
	uint16_t at = (uint16_t)*off;

	if (!len)
		return 0;
	memcpy(s->data + at, bytes, len);
	*off += len;
	return at;
}

static uint16_t put_string(struct snapshot *s, size_t *off, const char *text)
{
	return put(s, off, text, string_size(text));
}

static uint32_t put_cert(struct snapshot *s, size_t *off, X509 *cert, int len)
{
	uint8_t *der = s->data + *off;

	if (len <= 0 || i2d_X509(cert, &der) != len)
		return 0;
	*off += (size_t)len;
	return (uint32_t)len;
}

static void put_chain(struct snapshot *s, size_t *off, STACK_OF(X509) * chain)
{
	s->chain = (uint32_t)*off;
	s->chain_certs = (uint8_t)(chain ? sk_X509_num(chain) : 0);
	for (int i = 1; i < s->chain_certs; i++) {
		X509 *cert = sk_X509_value(chain, i);
		uint32_t len = (uint32_t)der_len(cert);

		memcpy(s->data + *off, &len, sizeof(len));
		*off += sizeof(len);
		put_cert(s, off, cert, (int)len);
	}
}

int snapshot_take(struct snapshot *s, size_t size, SSL *ssl, const struct snapshot_about *about)
{
	struct facts f;
	size_t off = 0;

	gather(ssl, about, &f);
	if (size < size_of(&f))
		return -ENOSPC;
	memset(s, 0, sizeof(*s));
	s->size = (uint32_t)size;
	s->verify_result = (int32_t)SSL_get_verify_result(ssl);
	s->own = about->own;
	s->handshake_ms = about->handshake_ms;
	s->bits = (uint16_t)f.bits;
	s->home = (uint8_t)about->home;
	s->resumed = (uint8_t)SSL_session_reused(ssl);
	s->version = put_string(s, &off, f.version);
	s->cipher = put_string(s, &off, f.cipher);
	s->description = put_string(s, &off, f.description);
	s->server_name = put_string(s, &off, f.server_name);
	s->group = put_string(s, &off, f.group);
	s->alpn = put(s, &off, f.alpn, f.alpn_len);
	s->alpn_len = (uint8_t)f.alpn_len;
	s->peer = (uint32_t)off;
	s->peer_len = put_cert(s, &off, f.peer, f.peer_len);
	put_chain(s, &off, f.chain);
	return 0;
}

/* Cards only work on what is in the kernel. */
static int is_home(const struct snapshot *s)
{
	return s->home <= KTLS_HOME_RELAYED &&
	       s->nic <= (s->home == KTLS_HOME_KERNEL ? KTLS_NIC_TX | KTLS_NIC_RX : 0);
}

static int is_text(const struct snapshot *s, size_t len, uint16_t at)
{
	return at < len && memchr(s->data + at, '\0', len - at);
}

/* Those of the second line may be none. */
static int are_texts(const struct snapshot *s, size_t len)
{
	return is_text(s, len, s->version) && is_text(s, len, s->cipher) && is_text(s, len, s->description) &&
	       is_text(s, len, s->server_name) && is_text(s, len, s->group) && s->alpn <= len &&
	       s->alpn_len <= len - s->alpn;
}

static int is_chain(const struct snapshot *s, size_t len)
{
	size_t at = s->chain;
	uint32_t part;

	if (at > len || (s->chain_certs && !s->peer_len))
		return 0;
	for (int i = 1; i < s->chain_certs; i++) {
		if (len - at < sizeof(part))
			return 0;
		memcpy(&part, s->data + at, sizeof(part));
		at += sizeof(part);
		if (part > len - at)
			return 0;
		at += part;
	}
	return 1;
}

int snapshot_check(struct snapshot *s, size_t size)
{
	size_t len;

	if (size < sizeof(*s) || s->size != size)
		return -EINVAL;
	len = size - offsetof(struct snapshot, data);
	s->own = NULL;
	if (!is_home(s) || s->resumed > 1 || !are_texts(s, len))
		return -EINVAL;
	if (s->peer > len || s->peer_len > len - s->peer || s->peer_len > INT32_MAX)
		return -EINVAL;
	return is_chain(s, len) ? 0 : -EINVAL;
}

size_t snapshot_chain(const struct snapshot *s, int index, const uint8_t **der)
{
	const uint8_t *p = s->data + s->chain;
	uint32_t len = s->peer_len;

	if (index < 0 || index >= s->chain_certs)
		return 0;
	*der = s->data + s->peer;
	for (int i = 0; i < index; i++) {
		memcpy(&len, p, sizeof(len));
		*der = p + sizeof(len);
		p = *der + len;
	}
	return len;
}
