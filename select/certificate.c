/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "select/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SERIAL_MAX = 424, /* bytes; their digits fill ANSWER_TEXT_MAX */
};

/* The certificate parsed last, because a script usually asks several things about one. */
struct parsed {
	X509 *cert;
	uint8_t *der; /* a copy, because the original's memory may hold another one by now */
	size_t len;
};

static X509 *parse(struct parsed *p, const uint8_t *der, size_t len)
{
	const uint8_t *end = der;

	if (p->cert && p->len == len && !memcmp(p->der, der, len))
		return p->cert;
	X509_free(p->cert);
	free(p->der);
	p->cert = NULL;
	p->der = malloc(len);
	if (!p->der)
		return NULL;
	memcpy(p->der, der, len);
	p->len = len;
	p->cert = d2i_X509(NULL, &end, (long)len);
	return p->cert;
}

ssize_t answer_put(char *buf, const void *value, size_t len, size_t max)
{
	if (len >= max)
		return -ENOENT;
	memcpy(buf, value, len);
	return (ssize_t)len;
}

static ssize_t put_number(char *buf, long n)
{
	return snprintf(buf, ANSWER_TEXT_MAX, "%ld", n);
}

static ssize_t name_part(const X509_NAME *name, int nid, char *buf)
{
	int at = X509_NAME_get_index_by_NID(name, nid, -1);
	unsigned char *utf8 = NULL;
	ssize_t rc;
	int len;

	if (at < 0)
		return -ENOENT;
	len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (len < 0)
		return -ENOENT;
	rc = answer_put(buf, utf8, (size_t)len, ANSWER_TEXT_MAX);
	OPENSSL_free(utf8);
	return rc;
}

static ssize_t name_line(const X509_NAME *name, char *buf)
{
	char *line = X509_NAME_oneline(name, NULL, 0);
	ssize_t rc = line ? answer_put(buf, line, strlen(line), ANSWER_LONG_MAX) : -ENOENT;

	OPENSSL_free(line);
	return rc;
}

/* RFC 5280 4.1.2.2 allows 20 bytes. The time is the square of the length, so what does not fit is not begun.
 */
static ssize_t serial(const X509 *cert, char *buf)
{
	const ASN1_INTEGER *value = X509_get0_serialNumber(cert);
	BIGNUM *number = ASN1_STRING_length(value) > SERIAL_MAX ? NULL : ASN1_INTEGER_to_BN(value, NULL);
	char *text = number ? BN_bn2dec(number) : NULL;
	ssize_t rc = text ? answer_put(buf, text, strlen(text), ANSWER_TEXT_MAX) : -ENOENT;

	OPENSSL_free(text);
	BN_free(number);
	return rc;
}

static ssize_t take_bio(BIO *bio, int ok, size_t max, char *buf)
{
	char *text;
	long len = bio ? BIO_get_mem_data(bio, &text) : 0;
	ssize_t rc = ok && len > 0 ? answer_put(buf, text, (size_t)len, max) : -ENOENT;

	BIO_free(bio);
	return rc;
}

static ssize_t put_time(const ASN1_TIME *t, char *buf)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return take_bio(bio, bio && ASN1_TIME_print(bio, t), ANSWER_TEXT_MAX, buf);
}

ssize_t certificate_pem(const uint8_t *der, size_t len, char *buf)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return take_bio(bio, bio && PEM_write_bio(bio, PEM_STRING_X509, "", der, (long)len),
		ANSWER_LONG_MAX + 1, buf);
}

static ssize_t fingerprint(const uint8_t *der, size_t len, char *buf)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n;

	if (EVP_Digest(der, len, digest, &n, EVP_sha256(), NULL) != 1)
		return -ENOENT;
	for (unsigned i = 0; i < n; i++)
		snprintf(buf + 2 * i, 3, "%02x", digest[i]);
	return 2 * (ssize_t)n;
}

static ssize_t put_ip(const ASN1_OCTET_STRING *ip, char *buf)
{
	int len = ASN1_STRING_length(ip);

	if (len != 4 && len != 16)
		return -ENOENT;
	if (!inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), buf, ANSWER_TEXT_MAX))
		return -ENOENT;
	return (ssize_t)strlen(buf);
}

static ssize_t san_value(const GENERAL_NAME *name, char *buf)
{
	if (name->type == GEN_IPADD)
		return put_ip(name->d.iPAddress, buf);
	return answer_put(buf, ASN1_STRING_get0_data(name->d.ia5), (size_t)ASN1_STRING_length(name->d.ia5),
		ANSWER_TEXT_MAX);
}

static ssize_t alternative_name(const X509 *cert, const struct question *q, char *buf)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int count = 0;
	ssize_t rc = -ENOENT;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != q->san)
			continue;
		if (q->field == ANSWER_SAN && count == q->index)
			rc = san_value(name, buf);
		count++;
	}
	GENERAL_NAMES_free(names);
	return q->field == ANSWER_SAN_COUNT ? put_number(buf, count) : rc;
}

ssize_t certificate_answer(const uint8_t *der, size_t len, const struct question *q, char *buf)
{
	static _Thread_local struct parsed last[2];
	X509 *cert = len ? parse(&last[q->own], der, len) : NULL;

	if (!cert)
		return -ENOENT;
	switch (q->field) {
	case ANSWER_SUBJECT:
		return name_part(X509_get_subject_name(cert), q->nid, buf);
	case ANSWER_ISSUER:
		return name_part(X509_get_issuer_name(cert), q->nid, buf);
	case ANSWER_SUBJECT_LINE:
		return name_line(X509_get_subject_name(cert), buf);
	case ANSWER_ISSUER_LINE:
		return name_line(X509_get_issuer_name(cert), buf);
	case ANSWER_CERT_VERSION:
		return put_number(buf, X509_get_version(cert));
	case ANSWER_SERIAL:
		return serial(cert, buf);
	case ANSWER_NOT_BEFORE:
		return put_time(X509_get0_notBefore(cert), buf);
	case ANSWER_NOT_AFTER:
		return put_time(X509_get0_notAfter(cert), buf);
	case ANSWER_SAN:
	case ANSWER_SAN_COUNT:
		return alternative_name(cert, q, buf);
	case ANSWER_PEM:
		return certificate_pem(der, len, buf);
	case ANSWER_FINGERPRINT:
		return fingerprint(der, len, buf);
	}
	return -ENOENT;
}
