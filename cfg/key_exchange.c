/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which groups a context exchanges keys with. OpenSSL's own choice has finite fields of up to 8192 bits (RFC
 * 7919): whoever sends a share of those, for which any number will do, costs us hundreds of times what one of
 * an elliptic curve does, before anything is known of him.
 */
#include "cfg/context_private.h"
#include "cfg/openssl_config.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

/* OpenSSL's own choice without finite fields. The first list whose groups are all there is taken. */
static const struct list {
	unsigned since; /* OpenSSL 3.N, whose syntax it needs: others take it, but for another choice */
	const char *groups;
} lists[] = {
	{5, "?*X25519MLKEM768 / ?*X25519:?secp256r1 / ?X448:?secp384r1:?secp521r1"},
	{0, "X25519:P-256:X448:P-521:P-384"},
	{0, "P-256:P-521:P-384"},
};

/* For DHE: the first that @SECLEVEL allows is taken. */
static const char *const fields[] = {"ffdhe2048", "ffdhe3072", "ffdhe4096"};

static int is_known(const struct list *l)
{
	return OPENSSL_version_major() > 3 || OPENSSL_version_minor() >= l->since;
}

void cfg_build_groups(struct cfg_builder *b)
{
	unsigned n = sizeof(lists) / sizeof(lists[0]);

	if (cfg_openssl_says_groups())
		return;
	for (unsigned i = 0; i < n; i++)
		if (is_known(&lists[i]) && SSL_CTX_set1_groups_list(b->ctx, lists[i].groups) == 1)
			break;
	ERR_clear_error();
}

static EVP_PKEY *new_field(const char *name)
{
	EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)name, 0),
		OSSL_PARAM_construct_end()};
	EVP_PKEY *field = NULL;

	if (maker && EVP_PKEY_paramgen_init(maker) == 1 && EVP_PKEY_CTX_set_params(maker, params) == 1)
		EVP_PKEY_paramgen(maker, &field);
	EVP_PKEY_CTX_free(maker);
	return field;
}

void cfg_build_field(struct cfg_builder *b)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < sizeof(fields) / sizeof(fields[0]); i++) {
		EVP_PKEY *field = new_field(fields[i]);

		rc = field && SSL_CTX_set0_tmp_dh_pkey(b->ctx, field) == 1;
		if (!rc)
			EVP_PKEY_free(field);
	}
	ERR_clear_error();
}
