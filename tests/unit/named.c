/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "named.h"

#include <openssl/x509v3.h>

static void sign(struct identity *id, const struct identity *issuer)
{
	assert_true(X509_sign(id->cert, issuer ? issuer->key : id->key, EVP_sha256()) > 0);
}

struct identity make_named(const char *common_name, const char *names, const struct identity *issuer)
{
	struct identity id = make_identity("EC", common_name, issuer);
	X509_EXTENSION *e;

	if (!names)
		return id;
	e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(id.cert, e, -1), 1);
	X509_EXTENSION_free(e);
	sign(&id, issuer);
	return id;
}

void add_raw_names(struct identity *id, int type, const char *const *bytes, const size_t *lens,
	unsigned count, const struct identity *issuer)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	assert_non_null(names);
	for (unsigned i = 0; i < count; i++) {
		GENERAL_NAME *one = GENERAL_NAME_new();
		ASN1_IA5STRING *text = ASN1_IA5STRING_new();

		assert_true(one && text);
		assert_int_equal(ASN1_STRING_set(text, bytes[i], (int)lens[i]), 1);
		GENERAL_NAME_set0_value(one, type, text);
		assert_true(sk_GENERAL_NAME_push(names, one) > 0);
	}
	assert_int_equal(X509_add1_ext_i2d(id->cert, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND), 1);
	GENERAL_NAMES_free(names);
	sign(id, issuer);
}

void let_expire(struct identity *id, const struct identity *issuer)
{
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(id->cert), -60));
	sign(id, issuer);
}
