/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OCSP of a context: the responses that a server sends with its certificates, and what a client demands. */
#include "cfg/context_private.h"
#include "ktls/ocsp.h"
#include "ktls/staple.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WHY_TEXT = 200,
};

/* A certificate and the response for it, named like the attributes. */
struct stapled {
	X509 *leaf;
	const char *certificate, *file;
	enum cfg_attribute_id certificate_id, file_id;
};

static const char *what_to_do(enum ktls_ocsp_verdict verdict)
{
	switch (verdict) {
	case KTLS_OCSP_UNREADABLE:
		return "name a file that 'openssl ocsp -respout' wrote";
	case KTLS_OCSP_FOREIGN:
		return "fetch the one for this certificate";
	case KTLS_OCSP_UNSIGNED:
		return "fetch one from the responder that the certificate names";
	case KTLS_OCSP_TOO_EARLY:
		return "set this machine's clock, or fetch one that is valid now";
	case KTLS_OCSP_REVOKED:
		return "install another certificate";
	case KTLS_OCSP_UNKNOWN:
		return "ask the CA why";
	default:
		return "fetch a new one";
	}
}

static int warn(struct cfg_builder *b, const struct stapled *s, const char *why, const char *what_to_do_then)
{
	return cfg_domain_error(b->warnings, b->domain, s->file_id,
		"'%s' is left out, so no OCSP response is sent with the certificate in '%s': it %s; %s",
		s->file, s->certificate, why, what_to_do_then);
}

/* Fills the buffer as far as the file goes. Returns the number of bytes, or a negative errno. */
static ssize_t read_all(int fd, uint8_t *buffer, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, buffer + len, size - len)) > 0)
		len += (size_t)n;
	return n < 0 ? -errno : (ssize_t)len;
}

/* At most one byte more than a response may have. Returns the number of bytes, or a negative errno. */
static ssize_t read_file(const char *path, uint8_t buffer[KTLS_OCSP_MAX + 1])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		n = -errno;
	else if (!S_ISREG(st.st_mode))
		n = -EINVAL;
	else
		n = read_all(fd, buffer, KTLS_OCSP_MAX + 1);
	close(fd);
	return n;
}

/* The CA certificate that signed it, from the chain that is shown or from the trusted ones; X509_free(). */
static X509 *find_issuer(struct cfg_builder *b, X509 *leaf)
{
	X509_STORE_CTX *search = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = NULL;
	X509 *issuer = NULL;

	if (SSL_CTX_select_current_cert(b->ctx, leaf) == 1)
		SSL_CTX_get0_chain_certs(b->ctx, &chain);
	for (int i = 0; i < sk_X509_num(chain) && !issuer; i++)
		if (X509_check_issued(sk_X509_value(chain, i), leaf) == X509_V_OK)
			issuer = sk_X509_value(chain, i);
	if (issuer)
		X509_up_ref(issuer);
	else if (search && X509_STORE_CTX_init(search, SSL_CTX_get_cert_store(b->ctx), leaf, NULL) == 1 &&
		 X509_STORE_CTX_get1_issuer(&issuer, search, leaf) != 1)
		issuer = NULL;
	X509_STORE_CTX_free(search);
	return issuer;
}

/* Returns 0 if there is a good response now, else -1 with a warning. */
static int take(struct cfg_builder *b, const struct stapled *s, X509 *issuer)
{
	uint8_t der[KTLS_OCSP_MAX + 1];
	ssize_t len = read_file(s->file, der);
	char why[WHY_TEXT];
	struct ktls_ocsp_answer answer;

	if (len == -EINVAL)
		return warn(b, s, "is not a regular file", "name one");
	if (len == -ENOENT || len == -ENOTDIR)
		return warn(b, s, "does not exist", "fetch one");
	if (len == -EACCES || len == -EPERM)
		return warn(b, s, "cannot be read", "give SER's user the right to read it");
	if (len < 0) {
		snprintf(why, sizeof(why), "cannot be read (the system says '%s')", strerror((int)-len));
		return warn(b, s, why, "see that it is a file that SER can read");
	}
	if (!issuer)
		return warn(b, s, "cannot be verified without the certificate's issuer",
			"append that to the certificate's file, or add it to ca_list");
	ktls_ocsp_judge(der, (size_t)len, s->leaf, issuer, &answer);
	if (answer.verdict != KTLS_OCSP_GOOD)
		return warn(b, s, answer.why, what_to_do(answer.verdict));
	if (ktls_staple_add(b->ctx, s->leaf, s->file, der, (size_t)len, answer.until))
		return cfg_add_error(b->errors, "out of memory while a TLS context was made");
	return 0;
}

static void staple(struct cfg_builder *b, const struct stapled *s)
{
	X509 *issuer;
	int rc = -1;

	if (s->file && !s->leaf)
		cfg_domain_error(b->warnings, b->domain, s->file_id,
			"has no meaning without the certificate that it is for (%s)",
			s->file_id == CFG_OCSP_FILE ? "certificate" : "certificate2");
	if (!s->leaf)
		return;
	if (s->file) {
		issuer = find_issuer(b, s->leaf);
		rc = take(b, s, issuer);
		X509_free(issuer);
	}
	if (rc && ktls_staple_is_must(s->leaf))
		cfg_domain_error(b->warnings, b->domain, s->certificate_id,
			"'%s' tells peers to refuse it without an OCSP response (Must-Staple), and there is "
			"none that is good; fetch one, and name it in %s",
			s->certificate, s->file_id == CFG_OCSP_FILE ? "ocsp_file" : "ocsp_file2");
}

static void staple_both(struct cfg_builder *b)
{
	const struct cfg_domain *d = b->domain;
	const struct stapled first = {b->leaf, d->certificate, d->ocsp_file, CFG_CERTIFICATE, CFG_OCSP_FILE};
	const struct stapled second = {
		b->leaf2, d->certificate2, d->ocsp_file2, CFG_CERTIFICATE2, CFG_OCSP_FILE2};
	X509 *current = SSL_CTX_get0_certificate(b->ctx);

	staple(b, &first);
	staple(b, &second);
	if (current)
		SSL_CTX_select_current_cert(b->ctx, current);
}

static void demand(struct cfg_builder *b)
{
	const struct cfg_domain *d = b->domain;

	if (!d->verify_ocsp && !d->require_ocsp)
		return;
	if (cfg_domain_verify(d) < KTLS_VERIFY_OPTIONAL)
		cfg_domain_error(b->errors, d, d->require_ocsp ? CFG_REQUIRE_OCSP : CFG_VERIFY_OCSP,
			"an OCSP response says nothing about a certificate that is not verified; set "
			"require_certificate as well");
	else if (ktls_staple_ask(b->ctx, d->require_ocsp))
		cfg_add_error(b->errors, "out of memory while a TLS context was made");
}

void cfg_build_staples(struct cfg_builder *b)
{
	if (b->domain->kind == CFG_SERVER)
		staple_both(b);
	else
		demand(b);
	ERR_clear_error();
}
