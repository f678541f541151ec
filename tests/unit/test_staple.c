/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OCSP responses in handshakes: what our server sends, and what our client demands. */
#include "client.h"
#include "connection.h"
#include "responses.h"

#include "ktls/ocsp.h"
#include "ktls/staple.h"

#include <string.h>
#include <time.h>

enum { /* an alert of RFC 6066 8 */
	BAD_CERTIFICATE_STATUS_RESPONSE = 113,
};

static struct identity ca, server, other, must;
static struct response good;

static int make_identities(void **state)
{
	(void)state;
	ca = make_authority("ca", NULL);
	server = make_identity("EC", "server", &ca);
	other = make_identity("RSA", "other", &ca);
	must = make_identity("EC", "must", &ca);
	extend(&must, NID_tlsfeature, "status_request", &ca);
	good = make_good_response(&server, &ca);
	return 0;
}

static int free_identities(void **state)
{
	(void)state;
	OPENSSL_free(good.der);
	free_identity(&ca);
	free_identity(&server);
	free_identity(&other);
	free_identity(&must);
	return 0;
}

/* A server of ours with a response for one of its certificates. */
static SSL_CTX *stapling(const struct identity *id, const struct identity *stapled, int64_t until)
{
	SSL_CTX *ctx = server_context(id, KTLS_VERIFY_NONE, NULL);

	assert_int_equal(ktls_staple_add(ctx, stapled->cert, "a file", good.der, good.len, until), 0);
	return ctx;
}

/* Returns the number of bytes that a client got, which are the response's; -1 for none. */
static long sent(SSL_CTX *ctx, int version, int asks)
{
	SSL_CTX *client = client_context(version, NULL);
	struct ktls_session_keys keys;
	struct connection c;
	const uint8_t *der;
	long len;

	if (asks)
		assert_int_equal(SSL_CTX_set_tlsext_status_type(client, TLSEXT_STATUSTYPE_ocsp), 1);
	connection_open(&c, ctx, client);
	connection_establish(&c, &keys);
	connection_talk(&c, &keys);
	len = SSL_get_tlsext_status_ocsp_resp(c.client, &der);
	if (len > 0)
		assert_memory_equal(der, good.der, good.len);
	connection_close(&c);
	SSL_CTX_free(client);
	return len;
}

static void check_sent(SSL_CTX *ctx, long len)
{
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		assert_int_equal(sent(ctx, version, 1), len);
		assert_int_equal(sent(ctx, version, 0), -1);
	}
	SSL_CTX_free(ctx);
}

static void test_sent(void **state)
{
	(void)state;
	check_sent(stapling(&server, &server, time(NULL) + 3600), (long)good.len);
	check_sent(stapling(&server, &other, time(NULL) + 3600), -1); /* with another certificate */
	check_sent(stapling(&server, &server, time(NULL)), -1);       /* it has just become stale */
	check_sent(server_context(&server, KTLS_VERIFY_NONE, NULL), -1);
}

static void test_kept(void **state)
{
	SSL_CTX *ctx = stapling(&server, &server, 1);

	(void)state;
	assert_int_equal(ktls_staple_add(ctx, other.cert, "another", good.der, good.len, 2), 0);
	assert_string_equal(ktls_staple_get(ctx, 0)->file, "a file");
	assert_int_equal(ktls_staple_get(ctx, 1)->until, 2);
	assert_null(ktls_staple_get(ctx, 2));
	SSL_CTX_free(ctx);
}

static void test_must(void **state)
{
	struct identity id = make_identity("EC", "multi", &ca);

	(void)state;
	assert_int_equal(ktls_staple_is_must(server.cert), 0);
	assert_int_equal(ktls_staple_is_must(must.cert), 1);
	extend(&id, NID_tlsfeature, "status_request_v2", &ca);
	assert_int_equal(ktls_staple_is_must(id.cert), 0);
	extend(&id, NID_tlsfeature, "status_request", &ca); /* twice: nobody knows which one counts */
	assert_int_equal(ktls_staple_is_must(id.cert), 1);
	free_identity(&id);
}

static int give(SSL *ssl, void *arg)
{
	const struct response *r = arg;
	uint8_t *copy = OPENSSL_memdup(r->der, r->len);

	assert_non_null(copy);
	assert_int_equal(SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)r->len), 1);
	return SSL_TLSEXT_ERR_OK;
}

/* OpenSSL's, which gives that response, or none for NULL. */
static SSL_CTX *giving(const struct identity *id, const struct response *r)
{
	SSL_CTX *ctx = peer_server_context(id);

	if (r) {
		SSL_CTX_set_tlsext_status_cb(ctx, give);
		SSL_CTX_set_tlsext_status_arg(ctx, (void *)r);
	}
	return ctx;
}

static SSL_CTX *demanding(int version, int required)
{
	SSL_CTX *ctx = our_client_context(version, NULL, KTLS_VERIFY_REQUIRE);

	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.cert), 1);
	assert_int_equal(ktls_staple_ask(ctx, required), 0);
	return ctx;
}

/* why: a phrase of the refusal, or NULL. */
static void check_version(
	int version, const struct identity *id, const struct response *r, int required, const char *why)
{
	SSL_CTX *ours = demanding(version, required), *theirs = giving(id, r);
	struct ktls_session_keys keys;
	struct client c;
	char byte;

	client_open(&c, ours, theirs);
	if (!why) {
		client_establish(&c, &keys);
	} else {
		assert_int_equal(client_run(&c), KTLS_HANDSHAKE_FAILED);
		assert_int_equal(ktls_handshake_cause(c.ours), KTLS_CAUSE_CERTIFICATE);
		if (!strstr(ktls_handshake_error(c.ours), why))
			fail_msg("%s", ktls_handshake_error(c.ours));
		SSL_read(c.server, &byte, 1);
		assert_int_equal(c.server_alert, BAD_CERTIFICATE_STATUS_RESPONSE);
	}
	client_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(theirs);
}

static void check(const struct identity *id, const struct response *r, int required, const char *why)
{
	check_version(TLS1_2_VERSION, id, r, required, why);
	check_version(TLS1_3_VERSION, id, r, required, why);
}

static void test_demanded(void **state)
{
	static const char none[] = "the peer's certificate was refused: no OCSP response came with it";
	struct response musts = make_good_response(&must, &ca);

	(void)state;
	check(&server, &good, 0, NULL);
	check(&server, &good, 1, NULL);
	check(&server, NULL, 0, NULL);
	check(&server, NULL, 1, none);
	check(&must, NULL, 0, none);
	check(&must, NULL, 1, none);
	check(&must, &musts, 0, NULL);
	check(&must, &musts, 1, NULL);
	check(&other, &good, 0, "its OCSP response is for another certificate");
	OPENSSL_free(musts.der);
}

static void test_bad_ones(void **state)
{
	static uint8_t zeros[KTLS_OCSP_MAX + 1000];
	const struct response garbage = {zeros, 100}, longest = {zeros, sizeof(zeros)};
	struct response stale =
		make_response(&server, &ca, EVP_sha1(), &ca, (struct saying){.from = -7200, .until = -3600});
	struct response revoked = make_response(
		&server, &ca, EVP_sha1(), &ca, (struct saying){V_OCSP_CERTSTATUS_REVOKED, -60, 3600});
	struct response forged =
		make_response(&server, &ca, EVP_sha1(), &server, (struct saying){.from = -60, .until = 3600});

	(void)state;
	for (int required = 0; required < 2; required++) {
		check(&server, &garbage, required, "its OCSP response is no OCSP response in DER");
		check(&server, &stale, required, "its OCSP response has been stale since");
		check(&server, &revoked, required,
			"its OCSP response says that the certificate was revoked on");
		check(&server, &forged, required, "its OCSP response is not signed by");
		/* TLS 1.2 has a limit of its own for it. */
		check_version(TLS1_3_VERSION, &server, &longest, required, "has more than 16384 bytes");
	}
	OPENSSL_free(stale.der);
	OPENSSL_free(revoked.der);
	OPENSSL_free(forged.der);
}

/* No certificate and no response come with it. */
static void test_resumed(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *ours = demanding(version, 1), *theirs = giving(&server, &good);
		struct ktls_session_keys keys;
		SSL_SESSION *session;
		struct client c;

		client_open(&c, ours, theirs);
		client_establish(&c, &keys);
		session = client_take_session(&c);
		client_close(&c);
		client_open(&c, ours, theirs);
		assert_int_equal(SSL_set_session(ktls_handshake_ssl(c.ours), session), 1);
		client_establish(&c, &keys);
		assert_true(SSL_session_reused(ktls_handshake_ssl(c.ours)));
		client_close(&c);
		SSL_SESSION_free(session);
		SSL_CTX_free(ours);
		SSL_CTX_free(theirs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sent),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_must),
		cmocka_unit_test(test_demanded),
		cmocka_unit_test(test_bad_ones),
		cmocka_unit_test(test_resumed),
	};

	return cmocka_run_group_tests_name("staple", tests, make_identities, free_identities);
}
