/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handshakes that succeed: every suite, and what the record keys behind them must be. */
#include "connection.h"
#include "scenario.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static SSL_CTX *plain_server(const struct identity *id)
{
	SSL_CTX *ctx = server_context(id, KTLS_VERIFY_NONE, NULL);

	/* CCM is not among what OpenSSL offers by itself. */
	assert_int_equal(SSL_CTX_set_cipher_list(ctx, "ALL"), 1);
	assert_int_equal(SSL_CTX_set_ciphersuites(ctx, EVERY_SUITE_13), 1);
	return ctx;
}

/* Some suites are none of OpenSSL's defaults, so the server has to be told. */
static SSL_CTX *server_for(const struct scenario *s)
{
	SSL_CTX *ctx = plain_server(s->id);

	if (s->version == TLS1_3_VERSION)
		assert_int_equal(SSL_CTX_set_ciphersuites(ctx, s->suite), 1);
	else
		assert_int_equal(SSL_CTX_set_cipher_list(ctx, s->suite), 1);
	return ctx;
}

static void handshake_in_pieces(const struct scenario *s, size_t piece)
{
	SSL_CTX *server = server_for(s), *client = client_context(s->version, s->suite);
	struct connection c;
	struct ktls_session_keys keys;

	connection_open(&c, server, client);
	c.piece = piece;
	connection_establish(&c, &keys);
	/* TLS 1.2 spent number 0 on Finished; TLS 1.3 has sent two tickets under the traffic key. */
	scenario_check_key(s, &keys.rx, s->version == TLS1_2_VERSION ? 1 : 0);
	scenario_check_key(s, &keys.tx, s->version == TLS1_2_VERSION ? 1 : 2);
	connection_talk(&c, &keys);
	connection_close(&c);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

static void test_every_suite(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SCENARIOS; i++) {
		handshake_in_pieces(&scenarios[i], 0);
		handshake_in_pieces(&scenarios[i], 1);
		handshake_in_pieces(&scenarios[i], 7);
	}
}

/* Reads the last record of what the server sent. */
static const uint8_t *last_record(const struct connection *c)
{
	const uint8_t *p = c->flight, *last = NULL;

	while (p < c->flight + c->flight_len) {
		ssize_t n = ktls_record_length(p);

		assert_true(n > 0);
		last = p;
		p += n;
	}
	assert_non_null(last);
	return last;
}

/* RFC 5288 3: a nonce must not come twice under one key, and OpenSSL has spent one on Finished. */
static void check_next_explicit_nonce(const struct scenario *s)
{
	SSL_CTX *server = server_for(s), *client = client_context(s->version, s->suite);
	struct connection c;
	struct ktls_session_keys keys;
	uint8_t record[64];
	const uint8_t *finished;

	connection_open(&c, server, client);
	connection_establish(&c, &keys);
	finished = last_record(&c);
	assert_int_equal(finished[0], KTLS_HANDSHAKE);
	for (unsigned i = 1; i < 4; i++) {
		assert_true(ktls_record_seal(
				    &keys.tx, KTLS_APPLICATION_DATA, "x", 1, record, sizeof(record)) > 0);
		assert_true(ktls_get_be64(record + KTLS_HEADER_LEN) ==
			    ktls_get_be64(finished + KTLS_HEADER_LEN) + i);
	}
	connection_close(&c);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

static void test_explicit_nonce_goes_on(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SCENARIOS; i++)
		if (scenarios[i].version == TLS1_2_VERSION && scenarios[i].aead != KTLS_CHACHA20_POLY1305)
			check_next_explicit_nonce(&scenarios[i]);
}

/* What a client sends right behind its Finished must be left in the socket, to the byte. */
static void check_left_over_13(size_t piece, const struct scenario *s)
{
	static const char *const words[] = {"REGISTER sip:example.org SIP/2.0\r\n", "\r\n\r\n", "x"};
	SSL_CTX *server = server_for(s), *client = client_context(s->version, s->suite);
	uint8_t left[1024], *p = left;
	struct connection c;
	struct ktls_session_keys keys;
	size_t before;

	connection_open(&c, server, client);
	c.piece = piece;
	connection_client_turn(&c);
	connection_server_turn(&c);
	assert_int_equal(connection_client_turn(&c), 1);
	before = connection_left_over(&c, NULL, 0);
	for (unsigned i = 0; i < COUNT(words); i++)
		assert_true(SSL_write(c.client, words[i], (int)strlen(words[i])) > 0);
	assert_true(connection_server_turn(&c) >= before);
	assert_int_equal(ktls_handshake_want(c.server), 0);
	assert_int_equal(ktls_handshake_keys(c.server, &keys), 0);
	/* 22 bytes: header, inner content type, tag. */
	assert_int_equal(connection_left_over(&c, left, sizeof(left)),
		3 * 22 + strlen(words[0]) + strlen(words[1]) + strlen(words[2]));
	for (unsigned i = 0; i < COUNT(words); i++) {
		struct ktls_plain plain;
		ssize_t n = ktls_record_length(p);

		assert_int_equal(ktls_record_open(&keys.rx, p, (size_t)n, &plain), 0);
		assert_int_equal(plain.len, strlen(words[i]));
		assert_memory_equal(plain.data, words[i], plain.len);
		p += n;
	}
	connection_talk(&c, &keys);
	connection_close(&c);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

/* In a full TLS 1.2 handshake only a client with False Start (RFC 7918) does it, which OpenSSL has not. */
static void check_left_over_12(size_t piece, const struct scenario *s)
{
	SSL_CTX *server = server_for(s), *client = client_context(s->version, s->suite);
	uint8_t early[500] = {KTLS_APPLICATION_DATA, 3, 3, 1, 239}, left[1024];
	struct connection c;
	struct ktls_session_keys keys;

	connection_open(&c, server, client);
	c.piece = piece;
	connection_client_turn(&c);
	connection_server_turn(&c);
	assert_int_equal(connection_client_turn(&c), 0);
	fill(early + 5, sizeof(early) - 5, 1);
	assert_int_equal(BIO_write(SSL_get_wbio(c.client), early, sizeof(early)), sizeof(early));
	connection_server_turn(&c);
	assert_int_equal(ktls_handshake_want(c.server), 0);
	assert_int_equal(ktls_handshake_keys(c.server, &keys), 0);
	assert_int_equal(connection_left_over(&c, left, sizeof(left)), sizeof(early));
	assert_memory_equal(left, early, sizeof(early));
	assert_int_equal(connection_client_turn(&c), 1);
	connection_talk(&c, &keys);
	connection_close(&c);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

static void test_nothing_behind_the_handshake_is_taken(void **state)
{
	static const size_t pieces[] = {0, 1, 3, 100};

	(void)state;
	for (unsigned p = 0; p < COUNT(pieces); p++)
		for (unsigned i = 0; i < SCENARIOS; i++)
			if (scenarios[i].version == TLS1_3_VERSION)
				check_left_over_13(pieces[p], &scenarios[i]);
			else
				check_left_over_12(pieces[p], &scenarios[i]);
}

/* RFC 8446 4.1.3: the random of a ServerHello that is a HelloRetryRequest. */
static int asks_for_another_hello(const struct connection *c)
{
	uint8_t random[8];

	unhex("cf21ad74e59a6111", random, sizeof(random));
	/* Record header, message header and version stand in front of it. */
	return c->flight_len > 19 && !memcmp(c->flight + 5 + 4 + 2, random, sizeof(random));
}

static void test_hello_retry_request(void **state)
{
	SSL_CTX *server = plain_server(&scenario_ec), *client = client_context(TLS1_3_VERSION, NULL);
	struct connection c;
	struct ktls_session_keys keys;

	(void)state;
	assert_int_equal(SSL_CTX_set1_groups_list(server, "P-256"), 1);
	assert_int_equal(SSL_CTX_set1_groups_list(client, "X25519:P-256"), 1);
	for (size_t piece = 0; piece < 2; piece++) {
		connection_open(&c, server, client);
		c.piece = piece;
		connection_establish(&c, &keys);
		assert_true(asks_for_another_hello(&c));
		assert_int_equal(keys.rx.seq, 0);
		assert_int_equal(keys.tx.seq, 2);
		connection_talk(&c, &keys);
		connection_close(&c);
	}
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

/* Tickets go out under the key that we go on with, so each has taken a sequence number. */
static void test_tickets_are_counted(void **state)
{
	SSL_CTX *server = plain_server(&scenario_ec), *client = client_context(TLS1_3_VERSION, NULL);
	struct connection c;
	struct ktls_session_keys keys;

	(void)state;
	for (size_t tickets = 0; tickets < 5; tickets++) {
		assert_int_equal(SSL_CTX_set_num_tickets(server, tickets), 1);
		connection_open(&c, server, client);
		connection_establish(&c, &keys);
		assert_int_equal(keys.tx.seq, tickets);
		connection_talk(&c, &keys);
		connection_close(&c);
	}
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

/* Messages that are spread over several records, the tickets among them. */
static void check_fragments(int version, const char *suite, int certificate)
{
	struct identity ca = make_identity("RSA", "authority", NULL);
	struct identity id = make_identity("RSA", "client", &ca);
	SSL_CTX *server = server_context(&scenario_rsa, KTLS_VERIFY_REQUIRE, &ca);
	SSL_CTX *client = client_context(version, suite);
	struct connection c;
	struct ktls_session_keys keys;

	use_identity(client, &id);
	assert_int_equal(SSL_CTX_set_max_send_fragment(server, 512), 1);
	assert_int_equal(SSL_CTX_set_max_send_fragment(client, 512), 1);
	connection_open(&c, server, client);
	connection_establish(&c, &keys);
	/* A ticket holds the client's certificate and is longer than a record of 512 bytes. */
	if (version == TLS1_3_VERSION)
		assert_true(keys.tx.seq >= 4);
	else
		assert_int_equal(keys.tx.seq, 1);
	assert_int_equal(keys.rx.seq, certificate - 1);
	connection_talk(&c, &keys);
	connection_close(&c);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	free_identity(&id);
	free_identity(&ca);
}

static void test_fragmented_messages(void **state)
{
	(void)state;
	check_fragments(TLS1_3_VERSION, NULL, 1);
	check_fragments(TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", 2);
}

/* RFC 8446 D.4: a client may leave out the ChangeCipherSpec that middleboxes want to see. */
static void test_without_middlebox_compatibility(void **state)
{
	SSL_CTX *server = plain_server(&scenario_ec), *client = client_context(TLS1_3_VERSION, NULL);
	struct connection c;
	struct ktls_session_keys keys;

	(void)state;
	SSL_CTX_clear_options(client, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	connection_open(&c, server, client);
	connection_establish(&c, &keys);
	assert_int_equal(keys.tx.seq, 2);
	connection_talk(&c, &keys);
	connection_close(&c);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

static void test_suites_without_an_aead_of_ours(void **state)
{
	static const struct scenario others[] = {
		{TLS1_2_VERSION, "AES128-SHA256", &scenario_rsa, 0},
		{TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384", &scenario_ec, 0},
		{TLS1_2_VERSION, "ECDHE-ECDSA-AES256-CCM", &scenario_ec, 0},
		{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-CCM8", &scenario_ec, 0}, /* its tag is cut in half */
		{TLS1_3_VERSION, "TLS_AES_128_CCM_8_SHA256", &scenario_ec, 0},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(others); i++) {
		SSL_CTX *server = server_for(&others[i]);
		SSL_CTX *client = client_context(others[i].version, others[i].suite);
		struct ktls_session_keys keys;
		struct connection c;

		/* Newer OpenSSL finds a short tag too weak for its default level. */
		SSL_CTX_set_security_level(server, 0);
		SSL_CTX_set_security_level(client, 0);
		connection_open(&c, server, client);
		assert_int_equal(connection_run(&c), KTLS_HANDSHAKE_DONE);
		memset(&keys, 0xee, sizeof(keys));
		assert_int_equal(ktls_handshake_keys(c.server, &keys), -EOPNOTSUPP);
		assert_zero(&keys, sizeof(keys));
		connection_close(&c);
		SSL_CTX_free(server);
		SSL_CTX_free(client);
	}
}

static void test_no_keys_before_the_end(void **state)
{
	SSL_CTX *server = plain_server(&scenario_ec), *client = client_context(TLS1_3_VERSION, NULL);
	struct connection c;
	struct ktls_session_keys keys;

	(void)state;
	connection_open(&c, server, client);
	assert_int_equal(ktls_handshake_want(c.server), KTLS_MAX_RECORD);
	assert_int_equal(ktls_handshake_keys(c.server, &keys), -EINVAL);
	connection_client_turn(&c);
	connection_server_turn(&c);
	assert_int_equal(ktls_handshake_keys(c.server, &keys), -EINVAL);
	assert_zero(&keys, sizeof(keys));
	assert_string_equal(ktls_handshake_error(c.server), "");
	connection_close(&c);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
	ktls_handshake_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_suite),
		cmocka_unit_test(test_explicit_nonce_goes_on),
		cmocka_unit_test(test_nothing_behind_the_handshake_is_taken),
		cmocka_unit_test(test_hello_retry_request),
		cmocka_unit_test(test_tickets_are_counted),
		cmocka_unit_test(test_fragmented_messages),
		cmocka_unit_test(test_without_middlebox_compatibility),
		cmocka_unit_test(test_suites_without_an_aead_of_ours),
		cmocka_unit_test(test_no_keys_before_the_end),
	};

	return cmocka_run_group_tests_name("handshake", tests, scenario_prepare, scenario_clean_up);
}
