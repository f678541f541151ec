/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "select/answer.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

static ssize_t put(char *buf, const void *value, size_t len)
{
	if (len >= ANSWER_MAX)
		return -ENOENT;
	memcpy(buf, value, len);
	return (ssize_t)len;
}

static ssize_t put_text(char *buf, const char *text)
{
	return put(buf, text, strlen(text));
}

/* The first common name in the order of the encoding. */
static ssize_t common_name(const X509_NAME *name, char *buf)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *utf8 = NULL;
	ssize_t rc;
	int len;

	if (at < 0)
		return -ENOENT;
	len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (len < 0)
		return -ENOENT;
	rc = put(buf, utf8, (size_t)len);
	OPENSSL_free(utf8);
	return rc;
}

static ssize_t cert_name(const uint8_t *der, size_t len, int issuer, char *buf)
{
	ssize_t rc = -ENOENT;
	X509 *cert;

	if (!len)
		return rc;
	/* What OpenSSL has against a name is told to nobody: it must not be taken for the error of another
	 * call. */
	ERR_set_mark();
	cert = d2i_X509(NULL, &der, (long)len);
	if (cert)
		rc = common_name(issuer ? X509_get_issuer_name(cert) : X509_get_subject_name(cert), buf);
	X509_free(cert);
	ERR_pop_to_mark();
	return rc;
}

static ssize_t own_name(const struct snapshot *s, int issuer, char *buf)
{
	return s->own ? cert_name(s->own->der, s->own->len, issuer, buf) : -ENOENT;
}

ssize_t answer(const struct snapshot *s, enum answer_field field, char *buf)
{
	char number[8];

	switch (field) {
	case ANSWER_DESCRIPTION:
		return put_text(buf, (const char *)s->data + s->description);
	case ANSWER_VERSION:
		return put_text(buf, (const char *)s->data + s->version);
	case ANSWER_CIPHER:
		return put_text(buf, (const char *)s->data + s->cipher);
	case ANSWER_BITS:
		snprintf(number, sizeof(number), "%u", s->bits);
		return put_text(buf, number);
	case ANSWER_OFFLOAD:
		return put_text(buf, s->home == KTLS_HOME_KERNEL ? "kernel" : "user");
	case ANSWER_PEER_SUBJECT_CN:
		return cert_name(s->data + s->peer, s->peer_len, 0, buf);
	case ANSWER_PEER_ISSUER_CN:
		return cert_name(s->data + s->peer, s->peer_len, 1, buf);
	case ANSWER_PEER_VERIFIED:
		return put_text(buf, s->peer_len && s->verify_result == X509_V_OK ? "1" : "0");
	case ANSWER_OWN_SUBJECT_CN:
		return own_name(s, 0, buf);
	case ANSWER_OWN_ISSUER_CN:
		return own_name(s, 1, buf);
	}
	return -ENOENT;
}
