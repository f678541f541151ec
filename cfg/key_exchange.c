/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which groups a context exchanges keys with. OpenSSL's own choice has finite fields of up to 8192 bits (RFC
 * 7919): whoever sends a share of those, for which any number will do, costs us hundreds of times what one of
 * an elliptic curve does, before anything is known of him.
 */
#include "cfg/context_private.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

/* OpenSSL's own choice without finite fields: the first list whose names and syntax this OpenSSL knows. */
static const char *const lists[] = {
	"?*X25519MLKEM768 / ?*X25519:?secp256r1 / ?X448:?secp384r1:?secp521r1", /* 3.5 and newer */
	"X25519:P-256:X448:P-521:P-384", "P-256:P-521:P-384"};

static void set_groups(SSL_CTX *ctx)
{
	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (SSL_CTX_set1_groups_list(ctx, lists[i]) == 1)
			break;
	/* What openssl.cnf says of groups was there already, and is put back, with all else that it says. */
	SSL_CTX_config(ctx, "system_default");
	ERR_clear_error();
}

static EVP_PKEY *new_field(void)
{
	EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	char name[] = "ffdhe2048";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
		OSSL_PARAM_construct_end()};
	EVP_PKEY *field = NULL;

	if (maker && EVP_PKEY_paramgen_init(maker) == 1 && EVP_PKEY_CTX_set_params(maker, params) == 1)
		EVP_PKEY_paramgen(maker, &field);
	EVP_PKEY_CTX_free(maker);
	return field;
}

/* TLS 1.2's DHE suites. With SSL_CTX_set_dh_auto() the field would be as large as the certificate's key. */
static void set_field(SSL_CTX *ctx)
{
	EVP_PKEY *field = new_field();

	if (field && SSL_CTX_set0_tmp_dh_pkey(ctx, field) != 1)
		EVP_PKEY_free(field); /* too small for @SECLEVEL=3: such suites are not agreed on */
	ERR_clear_error();
}

void cfg_build_key_exchange(struct cfg_builder *b)
{
	set_groups(b->ctx);
	if (b->domain->kind == CFG_SERVER)
		set_field(b->ctx);
}
