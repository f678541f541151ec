/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The identities of a context: certificate chains with their private keys. */
#include "cfg/context_private.h"
#include "cfg/explain.h"

#include <openssl/err.h>
#include <string.h>

/* A certificate and what belongs to it, named like the attributes. */
struct identity {
	const char *certificate, *key, *password;
	enum cfg_attribute_id certificate_id, key_id, password_id;
};

static void write_time(const ASN1_TIME *t, char *out, int size)
{
	BIO *text = BIO_new(BIO_s_mem());
	int len = 0;

	if (text && ASN1_TIME_print(text, t) == 1)
		len = BIO_read(text, out, size - 1);
	out[len > 0 ? len : 0] = '\0';
	BIO_free(text);
}

static void warn_of_validity(struct cfg_builder *b, const struct identity *id, const X509 *cert)
{
	const ASN1_TIME *begin = X509_get0_notBefore(cert), *end = X509_get0_notAfter(cert);
	char time[64];

	if (X509_cmp_time(begin, NULL) > 0) {
		write_time(begin, time, sizeof(time));
		cfg_domain_error(b->warnings, b->domain, id->certificate_id,
			"'%s' is not valid yet, only from %s", id->certificate, time);
	}
	if (X509_cmp_time(end, NULL) < 0) {
		write_time(end, time, sizeof(time));
		cfg_domain_error(b->warnings, b->domain, id->certificate_id,
			"'%s' is no longer valid since %s; peers will refuse it", id->certificate, time);
	}
}

/* Each certificate should have signed the one in front of it. */
static void warn_of_order(struct cfg_builder *b, const struct identity *id, X509 *leaf)
{
	STACK_OF(X509) *chain = NULL;
	const X509 *signed_by_next = leaf;

	SSL_CTX_get0_chain_certs(b->ctx, &chain);
	for (int i = 0; i < sk_X509_num(chain); i++) {
		const X509 *cert = sk_X509_value(chain, i);

		if (X509_NAME_cmp(X509_get_issuer_name(signed_by_next), X509_get_subject_name(cert)))
			cfg_domain_error(b->warnings, b->domain, id->certificate_id,
				"certificate number %d in '%s' did not sign number %d, so some peers will "
				"refuse "
				"the chain; put the server's own certificate first and each CA behind what "
				"it "
				"signed",
				i + 2, id->certificate, i + 1);
		signed_by_next = cert;
	}
}

/* The CA certificates that the current certificate is shown with. */
static void note_chain(struct cfg_builder *b, const char *file)
{
	STACK_OF(X509) *chain = NULL;

	SSL_CTX_get0_chain_certs(b->ctx, &chain);
	for (int i = 0; i < sk_X509_num(chain); i++) {
		const X509 *cert = sk_X509_value(chain, i);

		cfg_expiries_add(b->expiries, b->domain->index, CFG_EXPIRING_CA, file,
			X509_get0_notBefore(cert), X509_get0_notAfter(cert));
	}
}

/* Where the key's certificate is in the chain, which should begin with it; 0: nowhere. */
static int find_in_chain(struct cfg_builder *b, EVP_PKEY *key)
{
	STACK_OF(X509) *chain = NULL;

	SSL_CTX_get0_chain_certs(b->ctx, &chain);
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (X509_check_private_key(sk_X509_value(chain, i), key) == 1)
			return i + 2;
	return 0;
}

/* The leaf certificate, owned by the context, or NULL. */
static X509 *load_chain(struct cfg_builder *b, const struct identity *id)
{
	struct cfg_error e;
	X509 *leaf;

	if (cfg_check_certificates(id->certificate, &e)) {
		cfg_domain_error(b->errors, b->domain, id->certificate_id, "%s", e.text);
		return NULL;
	}
	if (SSL_CTX_use_certificate_chain_file(b->ctx, id->certificate) != 1) {
		const char *refusal = cfg_explain_refusal();

		if (refusal)
			cfg_fail(&e, "'%s' %s", id->certificate, refusal);
		else
			cfg_explain_file(id->certificate, CFG_WANTED_CERTIFICATE, &e);
		cfg_domain_error(b->errors, b->domain, id->certificate_id, "%s", e.text);
		return NULL;
	}
	leaf = SSL_CTX_get0_certificate(b->ctx);
	warn_of_order(b, id, leaf);
	warn_of_validity(b, id, leaf);
	cfg_expiries_add(b->expiries, b->domain->index, CFG_EXPIRING_CERTIFICATE, id->certificate,
		X509_get0_notBefore(leaf), X509_get0_notAfter(leaf));
	note_chain(b, id->certificate);
	return leaf;
}

static void load_key(struct cfg_builder *b, const struct identity *id, const X509 *leaf)
{
	struct cfg_error e;
	int bad_password;
	EVP_PKEY *key = cfg_load_key(id->key, id->password, &bad_password, &e);

	if (!key) {
		cfg_domain_error(
			b->errors, b->domain, bad_password ? id->password_id : id->key_id, "%s", e.text);
		return;
	}
	if (leaf && X509_check_private_key(leaf, key) != 1 && find_in_chain(b, key))
		cfg_domain_error(b->errors, b->domain, id->certificate_id,
			"the certificate that belongs to the key is number %d in '%s'; put it first, and "
			"each CA "
			"behind what it signed",
			find_in_chain(b, key), id->certificate);
	else if (leaf && X509_check_private_key(leaf, key) != 1)
		cfg_domain_error(b->errors, b->domain, id->key_id,
			"the key in '%.*s' does not belong to the certificate in '%s'",
			(int)strcspn(id->key, "?"), id->key, id->certificate);
	else if (leaf && SSL_CTX_use_PrivateKey(b->ctx, key) != 1)
		cfg_domain_error(b->errors, b->domain, id->key_id, "'%.*s' is refused: %s",
			(int)strcspn(id->key, "?"), id->key, cfg_openssl_reason());
	EVP_PKEY_free(key);
	ERR_clear_error();
}

/* As in the stock module, a client's certificate without a key is shown to nobody. */
static int is_useless(struct cfg_builder *b, const struct identity *id)
{
	const struct cfg_domain *d = b->domain;
	struct cfg_error e;
	int bad_password;
	EVP_PKEY *key;

	/* A password says that a key is meant. */
	if (d->kind != CFG_CLIENT || d->set >> id->key_id & 1 || id->password ||
		cfg_check_certificates(id->certificate, &e))
		return 0;
	key = cfg_load_key(id->key, id->password, &bad_password, &e);
	if (!key)
		cfg_domain_error(b->warnings, d, id->certificate_id,
			"is shown to nobody, because its key is not there: it is not set, and %s", e.text);
	EVP_PKEY_free(key);
	return !key;
}

/* Returns the leaf, owned by the context, or NULL. */
static X509 *load_identity(struct cfg_builder *b, const struct identity *id)
{
	X509 *leaf;

	if (!id->certificate) {
		if (id->key)
			cfg_domain_error(b->errors, b->domain, id->key_id,
				"is set without the certificate that belongs to it");
		return NULL;
	}
	if (is_useless(b, id))
		return NULL;
	leaf = load_chain(b, id);
	if (leaf || strcmp(id->key, id->certificate) != 0) /* report a mistake in one file only once */
		load_key(b, id, leaf);
	return leaf;
}

static int open_again(SSL_CTX *ctx, const char *key, const char *password, struct cfg_error *e)
{
	int bad_password, rc;
	EVP_PKEY *found;

	if (!key || strncmp(key, CFG_KEY_URI, strlen(CFG_KEY_URI)) != 0)
		return 0;
	found = cfg_load_key(key, password, &bad_password, e);
	if (!found)
		return -1;
	rc = SSL_CTX_use_PrivateKey(ctx, found) == 1
		     ? 0
		     : cfg_fail(
			       e, "'%.*s' is refused: %s", (int)strcspn(key, "?"), key, cfg_openssl_reason());
	EVP_PKEY_free(found);
	return rc;
}

int cfg_open_keys_again(SSL_CTX *ctx, const struct cfg_domain *d, struct cfg_error *e)
{
	return open_again(ctx, d->private_key, d->private_key_password, e) ||
			       open_again(ctx, d->private_key2, d->private_key_password2, e)
		       ? -1
		       : 0;
}

void cfg_build_identities(struct cfg_builder *b)
{
	const struct cfg_domain *d = b->domain;
	const struct identity first = {d->certificate, d->private_key, d->private_key_password,
		CFG_CERTIFICATE, CFG_PRIVATE_KEY, CFG_PRIVATE_KEY_PASSWORD};
	const struct identity second = {d->certificate2, d->private_key2, d->private_key_password2,
		CFG_CERTIFICATE2, CFG_PRIVATE_KEY2, CFG_PRIVATE_KEY_PASSWORD2};
	X509 *leaf = load_identity(b, &first);

	if (leaf)
		X509_up_ref(leaf); /* the second would replace a first one of the same type */
	b->leaf2 = load_identity(b, &second);
	if (leaf && b->leaf2 &&
		EVP_PKEY_get_base_id(X509_get0_pubkey(leaf)) ==
			EVP_PKEY_get_base_id(X509_get0_pubkey(b->leaf2)))
		cfg_domain_error(b->errors, d, CFG_CERTIFICATE2,
			"'%s' has a key of the same type as '%s'; the second certificate is for another type",
			d->certificate2, d->certificate);
	else
		b->leaf = leaf;
	X509_free(leaf);
}

/*
 * OpenSSL would look for the chain in every handshake, and verify it. A chain that it cannot complete is kept
 * as far as it goes. The root stays out, because peers that do not have it do not trust it either.
 */
static void build_chain(struct cfg_builder *b)
{
	enum cfg_attribute_id source = b->domain->ca_list ? CFG_CA_LIST : CFG_CA_PATH;
	STACK_OF(X509) *given = NULL;

	SSL_CTX_get0_chain_certs(b->ctx, &given);
	if (sk_X509_num(given) > 0)
		return; /* it came with the certificate */
	if (!SSL_CTX_build_cert_chain(b->ctx, SSL_BUILD_CHAIN_FLAG_NO_ROOT |
						      SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR |
						      SSL_BUILD_CHAIN_FLAG_CLEAR_ERROR))
		cfg_domain_error(b->warnings, b->domain, source,
			"a CA certificate in it that a certificate of ours needs is not shown (%s); peers "
			"that do not have it will refuse ours",
			cfg_openssl_reason());
	else
		note_chain(b, b->domain->ca_list ? b->domain->ca_list : b->domain->ca_path);
}

void cfg_build_chains(struct cfg_builder *b)
{
	X509 *current = SSL_CTX_get0_certificate(b->ctx);
	long found = SSL_CTX_set_current_cert(b->ctx, SSL_CERT_SET_FIRST);

	while (found == 1) {
		build_chain(b);
		found = SSL_CTX_set_current_cert(b->ctx, SSL_CERT_SET_NEXT);
	}
	if (current)
		SSL_CTX_select_current_cert(b->ctx, current);
	ERR_clear_error();
}
