/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a context trusts, and what it demands of the peer's certificate. */
#include "cfg/context_private.h"
#include "cfg/explain.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_certificates(struct cfg_builder *b, const struct cfg_pem *pem, EVP_MD_CTX *md)
{
	X509_STORE *store = SSL_CTX_get_cert_store(b->ctx);
	int is_server = b->domain->kind == CFG_SERVER;

	for (int i = 0; i < sk_X509_num(pem->certificates); i++) {
		X509 *cert = sk_X509_value(pem->certificates, i);
		unsigned char digest[EVP_MAX_MD_SIZE];
		unsigned len;

		if (X509_STORE_add_cert(store, cert) != 1 ||
			X509_digest(cert, EVP_sha256(), digest, &len) != 1 ||
			EVP_DigestUpdate(md, digest, len) != 1)
			return -1;
		/* If there is also a folder, a list of names would leave out the folder's CAs. */
		if (is_server && !b->domain->ca_path && SSL_CTX_add_client_CA(b->ctx, cert) != 1)
			return -1;
	}
	return 0;
}

static int add_crls(struct cfg_builder *b, const struct cfg_pem *pem, EVP_MD_CTX *md)
{
	X509_STORE *store = SSL_CTX_get_cert_store(b->ctx);

	for (int i = 0; i < sk_X509_CRL_num(pem->crls); i++) {
		X509_CRL *crl = sk_X509_CRL_value(pem->crls, i);
		const ASN1_TIME *last = X509_CRL_get0_lastUpdate(crl), *next = X509_CRL_get0_nextUpdate(crl);
		unsigned char digest[EVP_MAX_MD_SIZE];
		unsigned len;

		if (X509_STORE_add_crl(store, crl) != 1 ||
			X509_CRL_digest(crl, EVP_sha256(), digest, &len) != 1 ||
			EVP_DigestUpdate(md, digest, len) != 1)
			return -1;
		cfg_expiries_add(b->expiries, b->domain->index, CFG_EXPIRING_LIST, pem->path, last, next);
		if (next && X509_cmp_time(next, NULL) < 0)
			cfg_domain_error(b->warnings, b->domain, CFG_CRL,
				"a list in '%s' has expired; certificates of its authority will be refused",
				pem->path);
	}
	return 0;
}

static void refuse_file(
	struct cfg_builder *b, enum cfg_attribute_id attribute, const char *path, enum cfg_wanted wanted)
{
	struct cfg_error e;

	cfg_explain_file(path, wanted, &e);
	cfg_domain_error(b->errors, b->domain, attribute, "%s", e.text);
}

static void load_ca_list(struct cfg_builder *b, EVP_MD_CTX *md)
{
	const char *path = b->domain->ca_list;
	const struct cfg_pem *pem;
	struct cfg_error e;

	if (!path)
		return;
	pem = cfg_pems_get(b->pems, path, &e);
	if (!pem)
		cfg_domain_error(b->errors, b->domain, CFG_CA_LIST, "%s", e.text);
	else if (!sk_X509_num(pem->certificates))
		refuse_file(b, CFG_CA_LIST, path, CFG_WANTED_CERTIFICATE);
	/* The stock module also takes revocation lists from here. */
	else if (add_certificates(b, pem, md) || add_crls(b, pem, md))
		cfg_domain_error(b->errors, b->domain, CFG_CA_LIST, "'%s' cannot be taken: %s", path,
			cfg_openssl_reason());
}

/* Whether a file name is a hash as openssl-rehash(1) makes them: 8 hexadecimal digits, a dot, [r]number. */
static int is_hashed(const struct dirent *entry)
{
	return strspn(entry->d_name, "0123456789abcdef") == 8 && entry->d_name[8] == '.';
}

static void load_from_folder(struct cfg_builder *b, const char *name, EVP_MD_CTX *md)
{
	char path[PATH_MAX];
	const struct cfg_pem *pem;
	struct cfg_error e = {.text = "its path is too long"};
	int len = snprintf(path, sizeof(path), "%s/%s", b->domain->ca_path, name);

	pem = len < (int)sizeof(path) ? cfg_pems_get(b->pems, path, &e) : NULL;
	if (!pem)
		cfg_domain_error(b->warnings, b->domain, CFG_CA_PATH, "'%s' is left out: %s", name, e.text);
	else if (add_certificates(b, pem, md) || add_crls(b, pem, md))
		cfg_domain_error(b->errors, b->domain, CFG_CA_PATH, "'%s' cannot be taken: %s", path,
			cfg_openssl_reason());
}

/*
 * All of them at once. OpenSSL would look for them in each handshake, in an engine, which may open no file.
 * In the order of their names, so that the same files give the same session context.
 */
static void load_ca_path(struct cfg_builder *b, EVP_MD_CTX *md)
{
	const char *path = b->domain->ca_path;
	struct dirent **names;
	int count;

	if (!path)
		return;
	count = scandir(path, &names, is_hashed, alphasort);
	if (count < 0) {
		/* As in the stock module: nobody is trusted because of it. */
		cfg_domain_error(b->warnings, b->domain, CFG_CA_PATH,
			"cannot read '%s' (%s), so it brings no CA; name a folder that the server's user may "
			"read",
			path, strerror(errno));
		return;
	}
	if (!count)
		cfg_domain_error(b->warnings, b->domain, CFG_CA_PATH,
			"no file in '%s' has a hash as its name; run 'openssl rehash' on it", path);
	for (int i = 0; i < count; i++) {
		load_from_folder(b, names[i]->d_name, md);
		free(names[i]);
	}
	free(names);
}

static void load_crl(struct cfg_builder *b, EVP_MD_CTX *md)
{
	const char *path = b->domain->crl;
	const struct cfg_pem *pem;
	struct cfg_error e;

	if (!path)
		return;
	pem = cfg_pems_get(b->pems, path, &e);
	if (!pem)
		cfg_domain_error(b->errors, b->domain, CFG_CRL, "%s", e.text);
	else if (!sk_X509_CRL_num(pem->crls))
		refuse_file(b, CFG_CRL, path, CFG_WANTED_LIST);
	else if (add_crls(b, pem, md))
		cfg_domain_error(b->errors, b->domain, CFG_CRL, "'%s' cannot be taken: %s", path,
			cfg_openssl_reason());
	X509_STORE_set_flags(
		SSL_CTX_get_cert_store(b->ctx), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
}

/*
 * A session is resumed without a look at certificates. So a ticket must only be valid where they would have
 * been checked in the same way: in a domain of the same name that trusts the same CAs. The same files give
 * the same context in every engine.
 */
static int set_session_context(struct cfg_builder *b, EVP_MD_CTX *md)
{
	const struct cfg_domain *d = b->domain;
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[CFG_DOMAIN_TEXT + 512];
	unsigned len;
	int n;

	cfg_domain_text(d, text);
	n = (int)strlen(text);
	n += snprintf(text + n, sizeof(text) - (size_t)n, " %d %d %d %s", d->server_name_mode,
		(int)cfg_domain_verify(d), d->verify_depth, d->server_name ? d->server_name : "");
	if (EVP_DigestUpdate(md, text, (size_t)n) != 1 ||
		(d->ca_path && EVP_DigestUpdate(md, d->ca_path, strlen(d->ca_path)) != 1) ||
		EVP_DigestFinal_ex(md, digest, &len) != 1)
		return -1;
	return SSL_CTX_set_session_id_context(b->ctx, digest, len) == 1 ? 0 : -1;
}

void cfg_build_trust(struct cfg_builder *b)
{
	const struct cfg_domain *d = b->domain;
	enum ktls_verify verify = cfg_domain_verify(d);
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
		cfg_add_error(b->errors, "out of memory while a TLS context was made");
	} else {
		SSL_CTX_set_verify_depth(b->ctx, d->verify_depth);
		load_ca_list(b, md);
		load_ca_path(b, md);
		load_crl(b, md);
		if (set_session_context(b, md))
			cfg_add_error(b->errors, "out of memory while a TLS context was made");
	}
	if (!d->ca_list && !d->ca_path && verify >= KTLS_VERIFY_OPTIONAL)
		cfg_domain_error(b->warnings, d, CFG_CA_LIST,
			"not set although %s certificates are verified: none will pass",
			d->kind == CFG_SERVER ? "client" : "server");
	EVP_MD_CTX_free(md);
	ERR_clear_error();
}
