/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handshakes as client that fail: each says why, and nothing of it leads to keys. */
#include "client.h"

#include <errno.h>
#include <string.h>

enum { /* alerts of RFC 8446 6.2 */
	HANDSHAKE_FAILURE = 40,
	PROTOCOL_VERSION = 70,
	UNKNOWN_CA = 48,
};

static struct identity id, ca, trusted;

static int make_identities(void **state)
{
	(void)state;
	id = make_identity("EC", "server", NULL);
	ca = make_identity("EC", "authority", NULL);
	trusted = make_identity("EC", "server", &ca);
	return 0;
}

static int free_identities(void **state)
{
	(void)state;
	free_identity(&id);
	free_identity(&ca);
	free_identity(&trusted);
	return 0;
}

static void assert_failed(const struct client *c, const char *phrase)
{
	struct ktls_session_keys keys;
	const char *error = ktls_handshake_error(c->ours);

	assert_int_equal(ktls_handshake_want(c->ours), 0);
	assert_true(*error);
	if (!strstr(error, phrase))
		fail_msg("\"%s\" is not said in \"%s\"", phrase, error);
	assert_int_equal(ktls_handshake_keys(c->ours, &keys), -EINVAL);
	assert_zero(&keys, sizeof(keys));
}

/* A server with other ideas: it says so in an alert, and the reason is what it said. */
static void check_alert_of_the_server(SSL_CTX *ours, SSL_CTX *server, const char *phrase)
{
	for (size_t piece = 0; piece < 3; piece++) {
		struct client c;

		client_open(&c, ours, server);
		c.piece = piece;
		assert_int_equal(client_run(&c), KTLS_HANDSHAKE_FAILED);
		assert_failed(&c, phrase);
		client_close(&c);
	}
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
}

static SSL_CTX *server_of(int min, int max, const char *suites)
{
	SSL_CTX *ctx = peer_server_context(&id);

	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, min), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, max), 1);
	if (suites)
		assert_int_equal(SSL_CTX_set_cipher_list(ctx, suites), 1);
	return ctx;
}

static SSL_CTX *client_of(int version, const char *suite)
{
	return our_client_context(version, suite, KTLS_VERIFY_NONE);
}

static void test_alerts_of_the_server(void **state)
{
	(void)state;
	check_alert_of_the_server(client_of(TLS1_3_VERSION, NULL),
		server_of(TLS1_2_VERSION, TLS1_2_VERSION, NULL),
		"the peer refused with the alert protocol_version");
	check_alert_of_the_server(client_of(TLS1_2_VERSION, NULL),
		server_of(TLS1_3_VERSION, TLS1_3_VERSION, NULL),
		"the peer refused with the alert protocol_version");
	check_alert_of_the_server(client_of(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"),
		server_of(TLS1_2_VERSION, TLS1_3_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"),
		"the peer refused with the alert handshake_failure");
}

/* A certificate that does not lead to whom we trust: refused, and the server learns it. */
static void check_certificate(int version, enum ktls_verify verify, const struct identity *shown, int alert)
{
	SSL_CTX *ours = our_client_context(version, NULL, verify), *server = peer_server_context(shown);
	struct client c;
	char byte;

	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ours), ca.cert), 1);
	client_open(&c, ours, server);
	client_run(&c);
	if (alert < 0) {
		struct ktls_session_keys keys;

		assert_int_equal(ktls_handshake_keys(c.ours, &keys), 0);
		assert_int_equal(
			SSL_get_verify_result(ktls_handshake_ssl(c.ours)) == X509_V_OK, shown == &trusted);
	} else {
		assert_failed(&c, "the peer's certificate was refused: self");
		assert_true(SSL_read(c.server, &byte, 1) <= 0);
	}
	assert_int_equal(c.server_alert, alert);
	client_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
}

static void test_certificates(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		check_certificate(version, KTLS_VERIFY_REQUIRE, &id, UNKNOWN_CA);
		check_certificate(version, KTLS_VERIFY_REQUIRE, &trusted, -1);
		check_certificate(version, KTLS_VERIFY_REQUEST, &id, -1);
		check_certificate(version, KTLS_VERIFY_NONE, &id, -1);
	}
}

/* What a server may answer the first hello with that is none. */
static void answer_with(const void *bytes, size_t len, const char *phrase)
{
	SSL_CTX *ours = client_of(TLS1_3_VERSION, NULL), *server = peer_server_context(&id);
	struct client c;

	client_open(&c, ours, server);
	assert_int_equal(ktls_handshake_start(c.ours), KTLS_HANDSHAKE_RUNNING);
	assert_int_equal(BIO_write(SSL_get_wbio(c.server), bytes, (int)len), len);
	client_turn(&c);
	assert_failed(&c, phrase);
	client_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
}

static void test_garbage(void **state)
{
	static const struct {
		const char *hex, *phrase;
	} wrong[] = {
		{"474554202f20485454502f", "plain text"},
		{"5349502f322e3020343030", "plain text"}, /* SIP/2.0 400 */
		{"0000000000", "does not speak TLS"},
		{"ffffffffff", "does not speak TLS"},
		{"1503030002022f", ""},       /* illegal_parameter */
		{"15030300020100", "closed"}, /* close_notify */
		{"160303000401000000", ""},   /* a ClientHello, from a server */
		{"16030300040e000000", ""},   /* ServerHelloDone */
		{"1603030010140000"
		 "0c000000000000000000000000",
			""}, /* Finished */
		{"17030300020000", ""},
		{"160303ffff", "longer than TLS allows"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		uint8_t bytes[32];

		answer_with(bytes, unhex(wrong[i].hex, bytes, sizeof(bytes)), wrong[i].phrase);
	}
}

/* One bit of the server's first flight is wrong. Where it was protected that must end the handshake. */
static void check_damage(int version, size_t bit)
{
	SSL_CTX *ours = client_of(version, NULL), *server = peer_server_context(&id);
	enum ktls_handshake_state state;
	struct client c;
	uint8_t flight[8192];
	size_t len;

	client_open(&c, ours, server);
	client_server_turn(&c);
	len = client_left_over(&c, flight, sizeof(flight));
	assert_true(len > 100 && len < sizeof(flight));
	flight[bit / 8 % len] ^= (uint8_t)(1 << bit % 8);
	assert_int_equal(BIO_write(SSL_get_wbio(c.server), flight, (int)len), len);
	state = client_run(&c);
	if (state == KTLS_HANDSHAKE_DONE) {
		/* Only a header's second byte of the version is nobody's, or a dummy ChangeCipherSpec's. */
		struct ktls_session_keys keys;

		assert_int_equal(ktls_handshake_keys(c.ours, &keys), 0);
		assert_true(flight[bit / 8 % len] == (3 ^ (1 << bit % 8)));
	} else if (state == KTLS_HANDSHAKE_FAILED) {
		assert_failed(&c, "");
	}
	client_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
}

static void test_damage(void **state)
{
	(void)state;
	for (size_t byte = 0; byte < 900; byte += 7)
		for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
			check_damage(version, 8 * byte + byte % 8);
}

/* Cut off anywhere, a handshake is not done, and giving it up leaves nothing behind. */
static void test_given_up(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < 500; cut += 7) {
		SSL_CTX *ours = client_of(TLS1_3_VERSION, NULL), *server = peer_server_context(&id);
		struct ktls_session_keys keys;
		struct client c;
		uint8_t flight[8192];

		client_open(&c, ours, server);
		client_server_turn(&c);
		assert_true(client_left_over(&c, flight, sizeof(flight)) > 500);
		if (cut)
			assert_int_equal(BIO_write(SSL_get_wbio(c.server), flight, (int)cut), cut);
		client_turn(&c);
		assert_true(ktls_handshake_want(c.ours) > 0);
		assert_int_equal(ktls_handshake_keys(c.ours, &keys), -EINVAL);
		client_close(&c);
		SSL_CTX_free(ours);
		SSL_CTX_free(server);
	}
}

/* Empty records and ChangeCipherSpecs without end must end, not loop. */
static void test_flood_of_nothing(void **state)
{
	static const char *const records[] = {"1603030000", "140303000101", "15030300020164"};
	uint8_t flood[100 * 16];

	(void)state;
	for (unsigned i = 0; i < COUNT(records); i++) {
		size_t len = 0;

		for (unsigned n = 0; n < 100; n++)
			len += unhex(records[i], flood + len, 16);
		answer_with(flood, len, "");
	}
}

static void test_more_than_wanted(void **state)
{
	SSL_CTX *ours = client_of(TLS1_3_VERSION, NULL), *server = peer_server_context(&id);
	uint8_t bytes[100] = {KTLS_HANDSHAKE, 3, 3, 1, 0, 2};
	struct client c;

	(void)state;
	client_open(&c, ours, server);
	assert_int_equal(ktls_handshake_start(c.ours), KTLS_HANDSHAKE_RUNNING);
	assert_true(ktls_handshake_want(c.ours) < sizeof(bytes));
	assert_int_equal(
		ktls_handshake_feed(c.ours, bytes, ktls_handshake_want(c.ours) + 1), KTLS_HANDSHAKE_FAILED);
	assert_failed(&c, "more bytes were fed than asked for");
	client_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
}

/* Nothing to offer: the first step already fails, with a reason. */
static void test_nothing_to_offer(void **state)
{
	SSL_CTX *ours = client_of(TLS1_2_VERSION, "PSK-AES128-GCM-SHA256"),
		*server = peer_server_context(&id);
	struct client c;

	(void)state;
	client_open(&c, ours, server);
	assert_int_equal(ktls_handshake_start(c.ours), KTLS_HANDSHAKE_FAILED);
	assert_failed(&c, "no ciphers available");
	client_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alerts_of_the_server),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_flood_of_nothing),
		cmocka_unit_test(test_more_than_wanted),
		cmocka_unit_test(test_nothing_to_offer),
	};

	return cmocka_run_group_tests_name("client_refuse", tests, make_identities, free_identities);
}
