/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key log of a handshake of ours is the one that the peer's OpenSSL has of it. */
#include "client.h"
#include "connection.h"
#include "people.h"

#include <string.h>

static const struct {
	int version;
	const char *suite;
	unsigned lines;
} suites[] = {
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", 1},
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA", 1}, /* no AEAD */
	{TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", 5},
	{TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", 5}, /* the longest secrets */
};

static char theirs[KTLS_KEY_LOG_MAX];

static void keep(const SSL *ssl, const char *line)
{
	(void)ssl;
	strcat(theirs, line);
	strcat(theirs, "\n");
}

/* The two sides have the lines in different orders. */
static void assert_same_lines(const char *ours, unsigned lines)
{
	unsigned count = 0;

	assert_int_equal(strlen(ours), strlen(theirs));
	for (const char *line = theirs; *line; line = strchr(line, '\n') + 1) {
		char copy[KTLS_KEY_LOG_MAX];

		snprintf(copy, sizeof(copy), "%.*s\n", (int)strcspn(line, "\n"), line);
		assert_non_null(strstr(ours, copy));
		count++;
	}
	assert_int_equal(count, lines);
}

static void test_server(void **state)
{
	SSL_CTX *server = server_context(&people.server, KTLS_VERIFY_NONE, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(suites); i++) {
		SSL_CTX *client = client_context(suites[i].version, suites[i].suite);
		struct connection c;

		SSL_CTX_set_keylog_callback(client, keep);
		theirs[0] = '\0';
		connection_open(&c, server, client);
		assert_int_equal(ktls_handshake_log_keys(c.server), 0);
		assert_int_equal(connection_run(&c), KTLS_HANDSHAKE_DONE);
		assert_same_lines(ktls_handshake_key_log(c.server), suites[i].lines);
		connection_close(&c);
		SSL_CTX_free(client);
	}
	SSL_CTX_free(server);
}

static void test_client(void **state)
{
	SSL_CTX *server = peer_server_context(&people.server);

	(void)state;
	SSL_CTX_set_keylog_callback(server, keep);
	for (size_t i = 0; i < COUNT(suites); i++) {
		SSL_CTX *ours = our_client_context(suites[i].version, suites[i].suite, KTLS_VERIFY_NONE);
		struct client c;

		theirs[0] = '\0';
		client_open(&c, ours, server);
		assert_int_equal(ktls_handshake_log_keys(c.ours), 0);
		assert_int_equal(client_run(&c), KTLS_HANDSHAKE_DONE);
		assert_same_lines(ktls_handshake_key_log(c.ours), suites[i].lines);
		client_close(&c);
		SSL_CTX_free(ours);
	}
	SSL_CTX_free(server);
}

/* Wireshark knows a TLS 1.2 session that it has not seen begin by its keys alone. */
static void test_resumed(void **state)
{
	SSL_CTX *server = server_context(&people.server, KTLS_VERIFY_NONE, NULL);
	SSL_CTX *client = client_context(TLS1_2_VERSION, suites[0].suite);
	SSL_SESSION *session = NULL;

	(void)state;
	SSL_CTX_set_keylog_callback(client, keep);
	for (int resumed = 0; resumed < 2; resumed++) {
		struct connection c;

		theirs[0] = '\0';
		connection_open(&c, server, client);
		if (resumed)
			assert_int_equal(SSL_set_session(c.client, session), 1);
		assert_int_equal(ktls_handshake_log_keys(c.server), 0);
		assert_int_equal(connection_run(&c), KTLS_HANDSHAKE_DONE);
		assert_int_equal(SSL_session_reused(c.client), resumed);
		assert_same_lines(ktls_handshake_key_log(c.server), 1);
		SSL_SESSION_free(session);
		session = SSL_get1_session(c.client);
		connection_close(&c);
	}
	SSL_SESSION_free(session);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}

static void test_off(void **state)
{
	SSL_CTX *server = server_context(&people.server, KTLS_VERIFY_NONE, NULL);
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct connection c;

	(void)state;
	connection_open(&c, server, client);
	assert_int_equal(connection_run(&c), KTLS_HANDSHAKE_DONE);
	assert_string_equal(ktls_handshake_key_log(c.server), "");
	connection_close(&c);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_off),
	};

	return cmocka_run_group_tests_name("key_log", tests, people_prepare, people_clean_up);
}
