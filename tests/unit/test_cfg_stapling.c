/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ocsp_file and what clients demand: which responses a context takes, and what is said about the others. */
#include "folder.h"
#include "responses.h"
#include "sets.h"

#include "ktls/ocsp.h"
#include "ktls/staple.h"

#include <stdlib.h>
#include <string.h>

static struct identity ca, server, rsa, must;

static void add_response(const char *name, struct response r)
{
	folder_add_bytes(name, r.der, r.len);
	OPENSSL_free(r.der);
}

static struct response saying(int status, long from, long until)
{
	return make_response(&server, &ca, EVP_sha1(), &ca, (struct saying){status, from, until});
}

static int make_files(void **state)
{
	static const uint8_t zeros[KTLS_OCSP_MAX + 1], try_later[] = {0x30, 3, 0x0a, 1, 3};

	(void)state;
	ca = make_authority("ca", NULL);
	server = make_identity("EC", "server", &ca);
	rsa = make_identity("RSA", "rsa", &ca);
	must = make_identity("EC", "must", &ca);
	extend(&must, NID_tlsfeature, "status_request", &ca);
	sets_open_folder();
	folder_add_identity("cert.pem", &server);
	folder_add_identity("chain.pem", &server);
	folder_add_cert("chain.pem", ca.cert);
	folder_add_identity("rsa.pem", &rsa);
	folder_add_identity("must.pem", &must);
	folder_add_cert("ca.pem", ca.cert);
	folder_add_folder("folder");
	add_response("good", make_good_response(&server, &ca));
	add_response("rsa", make_good_response(&rsa, &ca));
	add_response("must", make_good_response(&must, &ca));
	add_response("stale", saying(0, -7200, -3600));
	add_response("early", saying(0, 3600, 7200));
	add_response("revoked", saying(V_OCSP_CERTSTATUS_REVOKED, -60, 3600));
	add_response("unknown", saying(V_OCSP_CERTSTATUS_UNKNOWN, -60, 3600));
	add_response("forged", make_response(&server, &ca, EVP_sha1(), &server,
				       (struct saying){.from = -60, .until = 3600}));
	folder_add_text("empty", "");
	folder_add_bytes("garbage", zeros, 100);
	folder_add_bytes("long", zeros, sizeof(zeros));
	folder_add_bytes("later", try_later, sizeof(try_later));
	return 0;
}

static int free_files(void **state)
{
	(void)state;
	sets_close_folder();
	free_identity(&ca);
	free_identity(&server);
	free_identity(&rsa);
	free_identity(&must);
	return 0;
}

/* How many responses the default server domain takes. */
static unsigned taken(const char *text)
{
	struct cfg_set *set = set_of(text);
	unsigned count = 0;

	while (ktls_staple_get(cfg_set_server_context(set, NULL), count))
		count++;
	cfg_set_unref(set);
	return count;
}

static void test_taken(void **state)
{
	(void)state;
	assert_int_equal(taken("[s:*]\nca_list=ca.pem\nocsp_file=good\n"), 1);
	assert_int_equal(taken("[s:*]\ncertificate=chain.pem\nocsp_file=good\n"), 1);
	assert_int_equal(taken("[s:*]\ncertificate=must.pem\nca_list=ca.pem\nocsp_file=must\n"), 1);
	assert_int_equal(
		taken("[s:*]\nca_list=ca.pem\nocsp_file=good\ncertificate2=rsa.pem\nocsp_file2=rsa\n"), 2);
	assert_int_equal(taken("[s:*]\nca_list=ca.pem\ncertificate2=rsa.pem\nocsp_file2=rsa\n"), 1);
	assert_int_equal(taken("[s:*]\nca_list=ca.pem\n"), 0);
	assert_int_equal(warnings.count, 0);
}

static void test_left_out(void **state)
{
	static const struct {
		const char *file, *why;
	} rows[] = {
		{"absent", "does not exist; fetch one"},
		{"folder", "is not a regular file; name one"},
		{"empty", "is no OCSP response in DER; name a file that"},
		{"garbage", "is no OCSP response in DER; name a file that"},
		{"long", "has more than 16384 bytes; name a file that"},
		{"later", "has no status, but the responder's excuse 'trylater'; fetch a new one"},
		{"rsa", "is for another certificate; fetch the one for this certificate"},
		{"forged", "or by a responder that the issuer entitled; fetch one from the responder"},
		{"early", "set this machine's clock"},
		{"stale", "(nextUpdate); fetch a new one"},
		{"revoked", "install another certificate"},
		{"unknown", "does not know the certificate; ask the CA why"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		char text[200], begin[200];

		snprintf(text, sizeof(text), "[s:*]\nca_list=ca.pem\nocsp_file=%s\n", rows[i].file);
		assert_int_equal(taken(text), 0);
		snprintf(begin, sizeof(begin), "/%s' is left out, so no OCSP response is sent with the ",
			rows[i].file);
		if (warnings.count != 1 || !said(&warnings, "tls.cfg:3: [server:default]: ocsp_file: '") ||
			!said(&warnings, begin) || !said(&warnings, rows[i].why))
			fail_msg("%s: %s", rows[i].file, warnings.list[0].text);
	}
	assert_int_equal(taken("[s:*]\nocsp_file=good\n"), 0);
	assert_true(said(&warnings, "cannot be verified without the certificate's issuer; append that"));
	assert_int_equal(taken("[s:*]\nca_list=ca.pem\nocsp_file2=rsa\n"), 0);
	assert_true(said(&warnings,
		"ocsp_file2: has no meaning without the certificate that it is for (certificate2)"));
}

static void test_must_staple(void **state)
{
	static const char warning[] = "must.pem' tells peers to refuse it without an OCSP response "
				      "(Must-Staple), and there is none "
				      "that is good; fetch one, and name it in ocsp_file";

	(void)state;
	assert_int_equal(taken("[s:*]\ncertificate=must.pem\nca_list=ca.pem\n"), 0);
	assert_true(warnings.count == 1 && said(&warnings, warning));
	assert_int_equal(taken("[s:*]\ncertificate=must.pem\nca_list=ca.pem\nocsp_file=good\n"), 0);
	assert_true(warnings.count == 2 && said(&warnings, warning));
	assert_int_equal(taken("[s:*]\ncertificate=rsa.pem\ncertificate2=must.pem\nca_list=ca.pem\n"), 0);
	assert_true(warnings.count == 1 && said(&warnings, "name it in ocsp_file2"));
}

/* What selects and commands call the domain's certificate is the one that was loaded last, as ever. */
static void test_current_stays(void **state)
{
	struct cfg_set *set = set_of("[s:*]\ncertificate=rsa.pem\ncertificate2=cert.pem\nca_list=ca.pem\n"
				     "ocsp_file=rsa\n");

	(void)state;
	assert_int_equal(
		X509_cmp(SSL_CTX_get0_certificate(cfg_set_server_context(set, NULL)), server.cert), 0);
	cfg_set_unref(set);
}

static int asks(const char *text)
{
	struct cfg_set *set = set_of(text);
	int type = (int)SSL_CTX_get_tlsext_status_type(cfg_set_client_context(set, NULL, NULL, NULL));

	cfg_set_unref(set);
	return type == TLSEXT_STATUSTYPE_ocsp;
}

static void test_client(void **state)
{
	static const char why[] = "an OCSP response says nothing about a certificate that is not verified";

	(void)state;
	assert_false(asks("[c:*]\nca_list=ca.pem\nrequire_certificate=1\n"));
	assert_true(asks("[c:*]\nca_list=ca.pem\nrequire_certificate=1\nverify_ocsp=1\n"));
	assert_true(asks("[c:*]\nca_list=ca.pem\nverify_certificate=1\nrequire_ocsp=1\n"));
	assert_int_equal(warnings.count, 0);
	refuse_set("[c:*]\nrequire_ocsp=1\n");
	assert_true(said(&errors, "tls.cfg:2: [client:default]: require_ocsp: ") && said(&errors, why));
	refuse_set("[c:*]\nverify_client=optional_no_ca\nverify_ocsp=1\n");
	assert_true(said(&errors, "tls.cfg:3: [client:default]: verify_ocsp: ") && said(&errors, why));
	assert_false(asks("[c:*]\nocsp_file=good\n[s:*]\nverify_ocsp=1\n"));
	assert_int_equal(warnings.count, 2);
	assert_true(said(&warnings, "ocsp_file: has no meaning for connections that are opened"));
	assert_true(said(&warnings, "verify_ocsp: has no meaning for connections that come in"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_must_staple),
		cmocka_unit_test(test_current_stays),
		cmocka_unit_test(test_client),
	};

	return cmocka_run_group_tests_name("cfg_stapling", tests, make_files, free_files);
}
