/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/domain.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *openssl_reason(void)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	return reason ? reason : "OpenSSL gives no reason";
}

/* Says what the operating system has against a file: OpenSSL's own words hide it. */
static int check_readable(const char *param, const char *path, struct cfg_error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return cfg_fail(e,
			"%s: cannot read '%s': %s; name a PEM file that the server's user may read", param,
			path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		rc = cfg_fail(e, "%s: '%s' is not a file; name a PEM file", param, path);
	else if (!st.st_size)
		rc = cfg_fail(e, "%s: '%s' is empty; name a PEM file", param, path);
	close(fd);
	return rc;
}

/* Refuses instead of asking at a terminal that a server does not have. */
static int no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	*(int *)arg = 1;
	return 0;
}

/* Even a certificate may be encrypted; some of OpenSSL's readers would ask for the password, whatever they
 * are told. */
static int check_certificates(const char *param, const char *path, struct cfg_error *e)
{
	int encrypted = 0;
	BIO *file;

	if (check_readable(param, path, e))
		return -1;
	file = BIO_new_file(path, "r");
	if (file)
		sk_X509_INFO_pop_free(
			PEM_X509_INFO_read_bio(file, NULL, no_password, &encrypted), X509_INFO_free);
	BIO_free(file);
	ERR_clear_error();
	if (encrypted)
		return cfg_fail(
			e, "%s: '%s' is encrypted; name a PEM file with plain certificates", param, path);
	return 0;
}

static int load_certificate(SSL_CTX *ctx, const struct cfg_domain *d, struct cfg_error *e)
{
	if (check_certificates("certificate", d->certificate, e))
		return -1;
	if (SSL_CTX_use_certificate_chain_file(ctx, d->certificate) != 1)
		return cfg_fail(e, "certificate: '%s' holds no usable PEM certificate: %s", d->certificate,
			openssl_reason());
	return 0;
}

static int load_private_key(SSL_CTX *ctx, const struct cfg_domain *d, struct cfg_error *e)
{
	int encrypted = 0, rc;

	if (check_readable("private_key", d->private_key, e))
		return -1;
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &encrypted);
	rc = SSL_CTX_use_PrivateKey_file(ctx, d->private_key, SSL_FILETYPE_PEM);
	SSL_CTX_set_default_passwd_cb(ctx, NULL);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	if (encrypted)
		return cfg_fail(e, "private_key: '%s' is encrypted; name a PEM file with a plain key",
			d->private_key);
	if (rc != 1 && ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_X509 &&
		ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
		return cfg_fail(e, "private_key: the key in '%s' does not belong to the certificate in '%s'",
			d->private_key, d->certificate);
	if (rc != 1)
		return cfg_fail(e, "private_key: '%s' holds no usable PEM private key: %s", d->private_key,
			openssl_reason());
	if (SSL_CTX_check_private_key(ctx) != 1)
		return cfg_fail(e, "private_key: the key in '%s' does not belong to the certificate in '%s'",
			d->private_key, d->certificate);
	return 0;
}

static int load_ca_list(
	SSL_CTX *ctx, const struct cfg_domain *d, struct cfg_error *e, struct cfg_error *warning)
{
	STACK_OF(X509_NAME) * names;

	if (!d->ca_list) {
		if (cfg_domain_verify(d) != KTLS_VERIFY_NONE)
			cfg_fail(warning,
				"ca_list: not set although client certificates are verified: none will pass");
		return 0;
	}
	if (check_certificates("ca_list", d->ca_list, e))
		return -1;
	names = SSL_load_client_CA_file(d->ca_list);
	if (!names || SSL_CTX_load_verify_file(ctx, d->ca_list) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return cfg_fail(
			e, "ca_list: '%s' holds no usable PEM certificate: %s", d->ca_list, openssl_reason());
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	return 0;
}

static int set_suites(SSL_CTX *ctx, const struct cfg_domain *d, struct cfg_error *e)
{
	if (d->cipher_list && SSL_CTX_set_cipher_list(ctx, d->cipher_list) != 1)
		return cfg_fail(e,
			"cipher_list: '%s' names no suite that OpenSSL knows for TLS 1.2 (%s); see "
			"openssl-ciphers(1)",
			d->cipher_list, openssl_reason());
	return 0;
}

SSL_CTX *cfg_build_context(const struct cfg_domain *d, struct cfg_error *e, struct cfg_error *warning)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	warning->text[0] = '\0';
	if (!ctx || ktls_context_prepare(ctx, cfg_domain_verify(d))) {
		cfg_fail(e, "out of memory while a TLS context was made");
		goto fail;
	}
	ERR_clear_error();
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_dh_auto(ctx, 1);
	if (SSL_CTX_set_min_proto_version(ctx, d->versions.min) != 1 ||
		SSL_CTX_set_max_proto_version(ctx, d->versions.max) != 1) {
		cfg_fail(e, "method: this OpenSSL refuses the protocol versions: %s", openssl_reason());
		goto fail;
	}
	if (load_certificate(ctx, d, e) || load_private_key(ctx, d, e) || load_ca_list(ctx, d, e, warning) ||
		set_suites(ctx, d, e))
		goto fail;
	ERR_clear_error();
	return ctx;
fail:
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return NULL;
}
