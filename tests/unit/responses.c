/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "responses.h"

#include <openssl/x509v3.h>

struct response make_response(const struct identity *id, const struct identity *issuer, const EVP_MD *digest,
	const struct identity *signer, struct saying saying)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *name = OCSP_cert_to_id(digest, id->cert, issuer->cert);
	ASN1_TIME *from = X509_gmtime_adj(NULL, saying.from);
	ASN1_TIME *until = saying.until ? X509_gmtime_adj(NULL, saying.until) : NULL;
	struct response made = {0};
	OCSP_RESPONSE *response;
	int len;

	assert_true(basic && name && from);
	assert_non_null(OCSP_basic_add1_status(basic, name, saying.status, 0, from, from, until));
	assert_int_equal(OCSP_basic_sign(basic, signer->cert, signer->key, EVP_sha256(), NULL, 0), 1);
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	assert_non_null(response);
	len = i2d_OCSP_RESPONSE(response, &made.der);
	assert_true(len > 0);
	made.len = (size_t)len;
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(name);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	return made;
}

struct response make_good_response(const struct identity *id, const struct identity *issuer)
{
	return make_response(id, issuer, EVP_sha1(), issuer, (struct saying){.from = -60, .until = 3600});
}

void extend(struct identity *id, int nid, const char *value, const struct identity *issuer)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(e);
	assert_int_equal(X509_add_ext(id->cert, e, -1), 1);
	X509_EXTENSION_free(e);
	assert_true(X509_sign(id->cert, issuer->key, EVP_sha256()) > 0);
}
