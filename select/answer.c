/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "select/answer.h"

#include "select/certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

static ssize_t put_text(char *buf, const char *text)
{
	return answer_put(buf, text, strlen(text), ANSWER_TEXT_MAX);
}

static ssize_t put_string(char *buf, const struct snapshot *s, uint16_t at)
{
	return put_text(buf, (const char *)s->data + at);
}

static ssize_t put_number(char *buf, unsigned n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	return put_text(buf, text);
}

static ssize_t verification(const struct snapshot *s, const struct question *q, int result, char *buf)
{
	/* SER's own module does not verify the certificate that it shows itself: null. */
	if (q->own)
		return -ENOENT;
	return put_number(buf, s->peer_len && s->verify_result == result);
}

static ssize_t chain_pem(const struct snapshot *s, int index, char *buf)
{
	const uint8_t *der;
	size_t len = snapshot_chain(s, index, &der);

	return len ? certificate_pem(der, len, buf) : -ENOENT;
}

static ssize_t of_certificate(const struct snapshot *s, const struct question *q, char *buf)
{
	if (!q->own)
		return certificate_answer(s->data + s->peer, s->peer_len, q, buf);
	return s->own ? certificate_answer(s->own->der, s->own->len, q, buf) : -ENOENT;
}

static ssize_t plain(const struct snapshot *s, const struct question *q, char *buf)
{
	switch (q->field) {
	case ANSWER_DESCRIPTION:
		return put_string(buf, s, s->description);
	case ANSWER_VERSION:
		return put_string(buf, s, s->version);
	case ANSWER_CIPHER:
		return put_string(buf, s, s->cipher);
	case ANSWER_BITS:
		return put_number(buf, s->bits);
	case ANSWER_SERVER_NAME:
		return s->server_name ? put_string(buf, s, s->server_name) : -ENOENT;
	case ANSWER_OFFLOAD:
		return put_text(buf, s->home != KTLS_HOME_KERNEL ? "user" : s->nic ? "nic" : "kernel");
	case ANSWER_ALPN:
		return s->alpn_len ? answer_put(buf, s->data + s->alpn, s->alpn_len, ANSWER_TEXT_MAX)
				   : -ENOENT;
	case ANSWER_GROUP:
		return s->group ? put_string(buf, s, s->group) : -ENOENT;
	case ANSWER_RESUMED:
		return put_number(buf, s->resumed);
	case ANSWER_HANDSHAKE_TIME:
		return put_number(buf, s->handshake_ms);
	case ANSWER_VERIFIED:
		return verification(s, q, X509_V_OK, buf);
	case ANSWER_REVOKED:
		return verification(s, q, X509_V_ERR_CERT_REVOKED, buf);
	case ANSWER_EXPIRED:
		return verification(s, q, X509_V_ERR_CERT_HAS_EXPIRED, buf);
	case ANSWER_SELF_SIGNED:
		return verification(s, q, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, buf);
	case ANSWER_CHAIN:
		return chain_pem(s, q->index, buf);
	default:
		return of_certificate(s, q, buf);
	}
}

static int is_safe(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
	       c == '_' || c == '.' || c == '~';
}

/* Works in place, from the end. The longest plain answer becomes three times as long, which fits. */
static ssize_t escape(char *buf, ssize_t len)
{
	static const char hex[] = "0123456789abcdef";
	ssize_t to = 0;

	for (ssize_t i = 0; i < len; i++)
		to += is_safe((unsigned char)buf[i]) ? 1 : 3;
	len = len - 1;
	for (ssize_t at = to; len >= 0; len--) {
		unsigned char c = (unsigned char)buf[len];

		if (is_safe(c)) {
			buf[--at] = (char)c;
			continue;
		}
		buf[--at] = hex[c & 15];
		buf[--at] = hex[c >> 4];
		buf[--at] = '%';
	}
	return to;
}

ssize_t snapshot_answer(const struct snapshot *s, const struct question *q, char *buf)
{
	ssize_t len;

	/* Drop OpenSSL's errors about a certificate, so that nobody takes them for errors of another call. */
	ERR_set_mark();
	len = plain(s, q, buf);
	ERR_pop_to_mark();
	return q->escaped && len > 0 ? escape(buf, len) : len;
}
