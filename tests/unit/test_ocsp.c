/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which OCSP responses count as good for a certificate. */
#include "responses.h"

#include "ktls/ocsp.h"

#include <openssl/err.h>
#include <string.h>
#include <time.h>

static struct identity ca, other_ca, server, other, responder, impostor, plain;

static int make_identities(void **state)
{
	(void)state;
	ca = make_authority("ca", NULL);
	other_ca = make_authority("other ca", NULL);
	server = make_identity("EC", "server", &ca);
	other = make_identity("EC", "other", &ca);
	responder = make_identity("RSA", "responder", &ca);
	extend(&responder, NID_ext_key_usage, "OCSPSigning", &ca);
	impostor = make_identity("EC", "impostor", &other_ca);
	extend(&impostor, NID_ext_key_usage, "OCSPSigning", &other_ca);
	plain = make_identity("EC", "plain", &ca);
	return 0;
}

static int free_identities(void **state)
{
	struct identity *all[] = {&ca, &other_ca, &server, &other, &responder, &impostor, &plain};

	(void)state;
	for (unsigned i = 0; i < COUNT(all); i++)
		free_identity(all[i]);
	return 0;
}

static struct ktls_ocsp_answer judged(const uint8_t *der, size_t len)
{
	struct ktls_ocsp_answer a;

	ktls_ocsp_judge(der, len, server.cert, ca.cert, &a);
	assert_int_equal(ERR_peek_error(), 0);
	return a;
}

static void check(struct response r, enum ktls_ocsp_verdict verdict, const char *why)
{
	struct ktls_ocsp_answer a = judged(r.der, r.len);

	if (a.verdict != verdict || !strstr(a.why, why))
		fail_msg("%d: it %s", a.verdict, a.why);
	OPENSSL_free(r.der);
}

/* About the server, one that is good unless it says otherwise. */
static struct response response(const struct identity *signer, int status, long from, long until)
{
	return make_response(&server, &ca, EVP_sha1(), signer, (struct saying){status, from, until});
}

static void test_good(void **state)
{
	struct response r = make_good_response(&server, &ca);
	struct ktls_ocsp_answer a = judged(r.der, r.len);
	int64_t end = time(NULL) + 3600;

	(void)state;
	assert_int_equal(a.verdict, KTLS_OCSP_GOOD);
	assert_true(a.until > end - 600 && a.until <= end);
	OPENSSL_free(r.der);
	check(response(&responder, 0, -60, 3600), KTLS_OCSP_GOOD, "");
	check(make_response(&server, &ca, EVP_sha256(), &ca, (struct saying){.from = -60, .until = 3600}),
		KTLS_OCSP_GOOD, "");
	/* A responder's clock may be a little ahead. */
	check(response(&ca, 0, KTLS_OCSP_EARLY - 60, 3600), KTLS_OCSP_GOOD, "");
}

static void test_foreign(void **state)
{
	(void)state;
	check(make_good_response(&other, &ca), KTLS_OCSP_FOREIGN, "is for another certificate");
	check(make_good_response(&server, &other_ca), KTLS_OCSP_FOREIGN, "is for another certificate");
}

static void test_signed_by_others(void **state)
{
	static const char why[] = "is not signed by the certificate's issuer";

	(void)state;
	check(response(&other_ca, 0, -60, 3600), KTLS_OCSP_UNSIGNED, why);
	check(response(&impostor, 0, -60, 3600), KTLS_OCSP_UNSIGNED, why);
	check(response(&plain, 0, -60, 3600), KTLS_OCSP_UNSIGNED, why);
	check(response(&server, 0, -60, 3600), KTLS_OCSP_UNSIGNED, why);
}

static void test_times(void **state)
{
	(void)state;
	check(response(&ca, 0, KTLS_OCSP_EARLY + 600, 7200), KTLS_OCSP_TOO_EARLY,
		"is not valid yet, only from 2");
	check(response(&ca, 0, -3600, -1), KTLS_OCSP_STALE, "has been stale since 2");
	check(response(&ca, 0, -60, 0), KTLS_OCSP_STALE, "does not say how long it holds");
}

static void test_status(void **state)
{
	(void)state;
	check(response(&ca, V_OCSP_CERTSTATUS_REVOKED, -60, 3600), KTLS_OCSP_REVOKED, "was revoked on 2");
	check(response(&ca, V_OCSP_CERTSTATUS_UNKNOWN, -60, 3600), KTLS_OCSP_UNKNOWN,
		"does not know the certificate");
}

static void check_bytes(const uint8_t *der, size_t len, enum ktls_ocsp_verdict verdict, const char *why)
{
	struct ktls_ocsp_answer a = judged(der, len);

	assert_int_equal(a.verdict, verdict);
	assert_non_null(strstr(a.why, why));
}

static void test_no_response(void **state)
{
	static uint8_t bytes[KTLS_OCSP_MAX + 1];
	static const uint8_t try_later[] = {0x30, 3, 0x0a, 1, 3}, of_no_kind[] = {0x30, 3, 0x0a, 1, 0};
	struct response r = make_good_response(&server, &ca);

	(void)state;
	check_bytes(bytes, 0, KTLS_OCSP_UNREADABLE, "is no OCSP response in DER");
	check_bytes(bytes, KTLS_OCSP_MAX, KTLS_OCSP_UNREADABLE, "is no OCSP response in DER");
	check_bytes(bytes, sizeof(bytes), KTLS_OCSP_UNREADABLE, "has more than 16384 bytes");
	check_bytes(try_later, sizeof(try_later), KTLS_OCSP_NO_STATUS, "the responder's excuse 'trylater'");
	check_bytes(of_no_kind, sizeof(of_no_kind), KTLS_OCSP_UNREADABLE, "of a kind that nobody knows");
	memcpy(bytes, r.der, r.len);
	for (size_t len = 0; len < r.len; len++)
		check_bytes(bytes, len, KTLS_OCSP_UNREADABLE, "is no OCSP response in DER");
	check_bytes(
		bytes, r.len + 1, KTLS_OCSP_UNREADABLE, "is no OCSP response in DER"); /* more behind it */
	check_bytes(bytes, r.len, KTLS_OCSP_GOOD, "");
	OPENSSL_free(r.der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_signed_by_others),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_no_response),
	};

	return cmocka_run_group_tests_name("ocsp", tests, make_identities, free_identities);
}
