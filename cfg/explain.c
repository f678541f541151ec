/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/explain.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

enum {
	LOOKED_AT = 64 * 1024, /* bytes; nobody's certificate is longer */
};

static const struct wanted {
	const char *name, *label, *command;
} wanted_things[] = {
	[CFG_WANTED_CERTIFICATE] = {"certificate", "CERTIFICATE-----", "x509"},
	[CFG_WANTED_KEY] = {"private key", "PRIVATE KEY-----", "pkey"},
	[CFG_WANTED_LIST] = {"revocation list", "X509 CRL-----", "crl"},
};

const char *cfg_openssl_reason(void)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	return reason ? reason : "OpenSSL gives no reason";
}

/* One ASN.1 SEQUENCE, and nothing behind it. */
static int is_der(const char *text, size_t len)
{
	const unsigned char *begin = (const unsigned char *)text, *p = begin;
	long inside;
	int tag, class, rc = ASN1_get_object(&p, &inside, &tag, &class, (long)len);

	return !(rc & 0x80) && tag == V_ASN1_SEQUENCE && p + inside == begin + len;
}

static int is_pkcs12(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	PKCS12 *found = d2i_PKCS12(NULL, &p, (long)len);

	PKCS12_free(found);
	return found != NULL;
}

/* Of what stands between -----BEGIN and the next hyphen: behind it there may be a key without a line break.
 */
static int label_len(const char *begin)
{
	enum {
		BEGIN_LEN = 11,
		LABEL_MAX = 40
	};
	size_t len = strcspn(begin + BEGIN_LEN, "-\r\n");

	return BEGIN_LEN + (int)(len < LABEL_MAX ? len : LABEL_MAX);
}

static int explain_other(
	const char *path, const char *text, size_t len, const struct wanted *w, struct cfg_error *e)
{
	if (is_der(text, len)) {
		if (is_pkcs12(text, len))
			return cfg_fail(e,
				"'%s' is a PKCS #12 file; make PEM of it: openssl pkcs12 -in FILE -nodes "
				"-out "
				"NEW.pem",
				path);
		return cfg_fail(e,
			"'%s' is in DER; make PEM of it: openssl %s -inform DER -in FILE -out NEW.pem", path,
			w->command);
	}
	if (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2))
		return cfg_fail(e, "'%s' is text in UTF-16; save it as plain text", path);
	if (!memcmp(text, "MI", 2))
		return cfg_fail(e,
			"'%s' lacks the lines around its contents, such as -----BEGIN %s and -----END %s",
			path, w->label, w->label);
	return cfg_fail(e, "'%s' is no PEM file: it has no line -----BEGIN %s", path, w->label);
}

static int explain_pem(const char *path, const char *text, const struct wanted *w, struct cfg_error *e)
{
	const char *begin = strstr(text, "-----BEGIN "), *end = strstr(begin, "-----END ");

	if (strstr(text, "----------BEGIN "))
		return cfg_fail(e,
			"'%s' has parts that are glued together: put a line break between -----END ...----- "
			"and "
			"-----BEGIN ...-----",
			path);
	if (strstr(text, "BEGIN OPENSSH PRIVATE KEY-----"))
		return cfg_fail(e,
			"'%s' is a key of OpenSSH; make PEM of a copy: ssh-keygen -p -m PEM -f COPY", path);
	if (strstr(text, "BEGIN CERTIFICATE REQUEST-----") && !strstr(text, "BEGIN CERTIFICATE-----"))
		return cfg_fail(e,
			"'%s' is a request for a certificate; name the certificate that the CA has made of "
			"it",
			path);
	if (!end)
		return cfg_fail(e, "'%s' is cut off: it has no line -----END ...-----", path);
	if (!strstr(text, w->label))
		return cfg_fail(e, "'%s' holds no %s, but a part that begins with '%.*s-----'", path, w->name,
			label_len(begin), begin);
	return cfg_fail(e, "'%s' holds a %s that is damaged: copy it again (OpenSSL says '%s')", path,
		w->name, cfg_openssl_reason());
}

int cfg_explain_file(const char *path, enum cfg_wanted wanted, struct cfg_error *e)
{
	static char text[LOOKED_AT + 1]; /* it may hold a key */
	const struct wanted *w = &wanted_things[wanted];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t len = fd < 0 ? -1 : read(fd, text, LOOKED_AT);

	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = '\0';
	if (len < 2)
		cfg_fail(e, "'%s' holds no %s", path, w->name);
	else if (strstr(text, "-----BEGIN "))
		explain_pem(path, text, w, e);
	else
		explain_other(path, text, (size_t)len, w, e);
	OPENSSL_cleanse(text, sizeof(text));
	return -1;
}

const char *cfg_explain_refusal(void)
{
	switch (ERR_GET_REASON(ERR_peek_last_error())) {
	case SSL_R_EE_KEY_TOO_SMALL:
		return "has a key that is too short for OpenSSL's security level; use RSA with 2048 bits or "
		       "more, or "
		       "ECDSA";
	case SSL_R_CA_KEY_TOO_SMALL:
		return "comes from a CA whose key is too short for OpenSSL's security level; get one from "
		       "another CA";
	case SSL_R_CA_MD_TOO_WEAK:
		return "is signed with a digest that is too weak for OpenSSL's security level (MD5, SHA-1); "
		       "have it "
		       "signed with SHA-256";
	default:
		return NULL;
	}
}
