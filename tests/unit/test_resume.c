/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Abbreviated handshakes: sessions come back as tickets, without any store on the server. */
#include "connection.h"
#include "people.h"

#include <errno.h>
#include <string.h>

static const struct {
	int version;
	const char *suite;
} suites[] = {
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"},
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"},
	{TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305"},
	{TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
	{TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
	{TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"},
};

/* A full handshake and the session it left with the client. TLS 1.3 tickets arrive while they talk. */
static SSL_SESSION *first_session(SSL_CTX *server, SSL_CTX *client)
{
	struct connection c;
	struct ktls_session_keys keys;
	SSL_SESSION *session;

	connection_open(&c, server, client);
	connection_establish(&c, &keys);
	assert_false(SSL_session_reused(c.client));
	connection_talk(&c, &keys);
	session = SSL_get1_session(c.client);
	assert_non_null(session);
	assert_true(SSL_SESSION_is_resumable(session));
	connection_close(&c);
	return session;
}

static void open_with(struct connection *c, SSL_CTX *server, SSL_CTX *client, SSL_SESSION *session)
{
	connection_open(c, server, client);
	assert_int_equal(SSL_set_session(c->client, session), 1);
}

static void check_resumption(int version, const char *suite)
{
	SSL_CTX *server = server_context(&people.server, KTLS_VERIFY_NONE, NULL);
	SSL_CTX *client = client_context(version, suite);
	SSL_SESSION *session = first_session(server, client);
	struct connection c;
	struct ktls_session_keys keys;

	for (size_t piece = 0; piece < 3; piece++) {
		open_with(&c, server, client, session);
		c.piece = piece;
		connection_establish(&c, &keys);
		assert_true(SSL_session_reused(c.client));
		assert_true(SSL_session_reused(ktls_handshake_ssl(c.server)));
		assert_int_equal(keys.rx.seq, version == TLS1_2_VERSION ? 1 : 0);
		/* In TLS 1.3 OpenSSL replaces the one ticket that was used. */
		assert_int_equal(keys.tx.seq, 1);
		connection_talk(&c, &keys);
		connection_close(&c);
	}
	SSL_SESSION_free(session);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

static void test_resumption(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(suites); i++)
		check_resumption(suites[i].version, suites[i].suite);
}

/*
 * In an abbreviated TLS 1.2 handshake the client's Finished is the last word, so application data follows it
 * at once and our own Finished lies a flight back.
 */
static void check_left_over(int version, const char *suite, size_t piece)
{
	SSL_CTX *server = server_context(&people.server, KTLS_VERIFY_NONE, NULL);
	SSL_CTX *client = client_context(version, suite);
	SSL_SESSION *session = first_session(server, client);
	struct connection c;
	struct ktls_session_keys keys;
	struct ktls_plain plain;
	uint8_t left[256];
	size_t len;

	open_with(&c, server, client, session);
	c.piece = piece;
	connection_client_turn(&c);
	connection_server_turn(&c);
	assert_int_equal(connection_client_turn(&c), 1);
	assert_int_equal(SSL_write(c.client, "OPTIONS", 7), 7);
	connection_server_turn(&c);
	assert_int_equal(ktls_handshake_keys(c.server, &keys), 0);
	len = connection_left_over(&c, left, sizeof(left));
	assert_int_equal(len, ktls_record_length(left));
	assert_int_equal(ktls_record_open(&keys.rx, left, len, &plain), 0);
	assert_int_equal(plain.len, 7);
	assert_memory_equal(plain.data, "OPTIONS", 7);
	connection_talk(&c, &keys);
	connection_close(&c);
	SSL_SESSION_free(session);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

static void test_nothing_behind_the_handshake_is_taken(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(suites); i++)
		for (size_t piece = 0; piece < 2; piece++)
			check_left_over(suites[i].version, suites[i].suite, piece);
}

/* A ticket brings back who the client was and what was thought of its certificate. */
static void check_certificate_comes_back(
	int version, enum ktls_verify verify, const struct identity *id, int trusted)
{
	SSL_CTX *server = server_context(&people.server, verify, &people.ca);
	SSL_CTX *client = client_context(version, NULL);
	SSL_SESSION *session;
	struct connection c;
	struct ktls_session_keys keys;
	X509 *cert;

	use_identity(client, id);
	session = first_session(server, client);
	open_with(&c, server, client, session);
	connection_establish(&c, &keys);
	assert_true(SSL_session_reused(ktls_handshake_ssl(c.server)));
	cert = SSL_get0_peer_certificate(ktls_handshake_ssl(c.server));
	assert_non_null(cert);
	assert_int_equal(X509_cmp(cert, id->cert), 0);
	assert_int_equal(SSL_get_verify_result(ktls_handshake_ssl(c.server)) == X509_V_OK, trusted);
	connection_talk(&c, &keys);
	connection_close(&c);
	SSL_SESSION_free(session);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

static void test_certificates_come_back(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		check_certificate_comes_back(version, KTLS_VERIFY_REQUIRE, &people.known, 1);
		check_certificate_comes_back(version, KTLS_VERIFY_OPTIONAL, &people.known, 1);
		check_certificate_comes_back(version, KTLS_VERIFY_REQUEST, &people.known, 1);
		check_certificate_comes_back(version, KTLS_VERIFY_REQUEST, &people.stranger, 0);
	}
}

/* Another context has other ticket keys: the handshake is a full one and nothing fails. */
static void test_foreign_tickets_are_ignored(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *first = server_context(&people.server, KTLS_VERIFY_NONE, NULL);
		SSL_CTX *second = server_context(&people.server, KTLS_VERIFY_NONE, NULL);
		SSL_CTX *client = client_context(version, NULL);
		SSL_SESSION *session = first_session(first, client);
		struct connection c;
		struct ktls_session_keys keys;

		open_with(&c, second, client, session);
		connection_establish(&c, &keys);
		assert_false(SSL_session_reused(ktls_handshake_ssl(c.server)));
		connection_talk(&c, &keys);
		connection_close(&c);
		SSL_SESSION_free(session);
		SSL_CTX_free(first);
		SSL_CTX_free(second);
		SSL_CTX_free(client);
	}
}

/* Tickets hold all there is; a server that sends none and keeps no store can only start anew. */
static void test_no_store_without_tickets(void **state)
{
	SSL_CTX *server = server_context(&people.server, KTLS_VERIFY_NONE, NULL);
	SSL_CTX *client = client_context(TLS1_2_VERSION, NULL);
	struct connection c;
	struct ktls_session_keys keys;

	(void)state;
	SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
	connection_open(&c, server, client);
	connection_establish(&c, &keys);
	connection_talk(&c, &keys);
	assert_int_equal(SSL_CTX_sess_number(server), 0);
	connection_close(&c);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

/* HelloRetryRequest and a ticket in one handshake: two hellos, no certificate. */
static void test_resumption_with_hello_retry(void **state)
{
	SSL_CTX *server = server_context(&people.server, KTLS_VERIFY_NONE, NULL);
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	SSL_SESSION *session;
	struct connection c;
	struct ktls_session_keys keys;

	(void)state;
	assert_int_equal(SSL_CTX_set1_groups_list(server, "P-256"), 1);
	assert_int_equal(SSL_CTX_set1_groups_list(client, "X25519:P-256"), 1);
	session = first_session(server, client);
	open_with(&c, server, client, session);
	connection_establish(&c, &keys);
	assert_true(SSL_session_reused(c.client));
	assert_int_equal(keys.tx.seq, 1);
	connection_talk(&c, &keys);
	connection_close(&c);
	SSL_SESSION_free(session);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_nothing_behind_the_handshake_is_taken),
		cmocka_unit_test(test_certificates_come_back),
		cmocka_unit_test(test_foreign_tickets_are_ignored),
		cmocka_unit_test(test_no_store_without_tickets),
		cmocka_unit_test(test_resumption_with_hello_retry),
	};

	return cmocka_run_group_tests_name("resume", tests, people_prepare, people_clean_up);
}
