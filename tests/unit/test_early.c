/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of a client's bytes is read at once, and what becomes of those that it sends too early. */
#include "connection.h"
#include "one_server.h"

#include <string.h>

enum { /* alerts of RFC 8446 6.2 */
	UNEXPECTED_MESSAGE = 10,
	BAD_RECORD_MAC = 20,
};

/* Puts bytes behind what the client wrote and nobody took. */
static void put_behind(struct connection *c, const char *hex)
{
	uint8_t bytes[64];
	size_t len = unhex(hex, bytes, sizeof(bytes));

	assert_int_equal(BIO_write(SSL_get_wbio(c->client), bytes, (int)len), len);
}

static SSL_SESSION *first_session(SSL_CTX *client)
{
	struct connection c;
	struct ktls_session_keys keys;
	SSL_SESSION *session;

	connection_open(&c, server, client);
	connection_establish(&c, &keys);
	connection_talk(&c, &keys);
	session = SSL_get1_session(c.client);
	connection_close(&c);
	return session;
}

/* The client's bytes are there when they are asked for, so each read gets all that it may take. */
static unsigned reads_of(SSL_CTX *client, SSL_SESSION *session)
{
	struct connection c;
	struct ktls_session_keys keys;

	connection_open(&c, server, client);
	if (session)
		assert_int_equal(SSL_set_session(c.client, session), 1);
	connection_establish(&c, &keys);
	assert_int_equal(SSL_session_reused(c.client), session != NULL);
	connection_close(&c);
	return c.reads;
}

static void test_reads(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *client = client_context(version, NULL);
		SSL_SESSION *session = first_session(client);

		/* The hello; what is no longer than the shortest end; the rest. */
		assert_int_equal(reads_of(client, NULL), 3);
		assert_int_equal(SSL_CTX_set1_groups_list(client, "P-256"), 1);
		assert_int_equal(reads_of(client, NULL), 3);
		/* The end of TLS 1.2 has one length. */
		assert_int_equal(reads_of(client, session), version == TLS1_2_VERSION ? 2 : 3);
		SSL_SESSION_free(session);
		SSL_CTX_free(client);
	}
}

/* Suites with the shortest tag: a record behind the Finished stays where it is, whole. */
static void check_shortest(int version, const char *suite, size_t record)
{
	SSL_CTX *ours = server_context(&id, KTLS_VERIFY_NONE, NULL), *client = client_context(version, suite);
	SSL_SESSION *session = NULL;

	SSL_CTX_set_security_level(ours, 0); /* newer OpenSSL finds such a tag too weak */
	SSL_CTX_set_security_level(client, 0);
	assert_int_equal(SSL_CTX_set_cipher_list(ours, "ALL"), 1);
	assert_int_equal(SSL_CTX_set_ciphersuites(ours, "TLS_AES_128_CCM_8_SHA256"), 1);
	for (int resumed = 0; resumed < 2; resumed++) {
		struct connection c;

		connection_open(&c, ours, client);
		if (resumed)
			assert_int_equal(SSL_set_session(c.client, session), 1);
		connection_client_turn(&c);
		connection_server_turn(&c);
		/* In a full handshake of TLS 1.2 the server has the last word. */
		if (connection_client_turn(&c)) {
			assert_int_equal(SSL_write(c.client, "OPTIONS", 7), 7);
			connection_server_turn(&c);
			assert_int_equal(connection_left_over(&c, NULL, 0), record);
		} else {
			assert_int_equal(connection_run(&c), KTLS_HANDSHAKE_DONE);
			assert_int_equal(connection_client_turn(&c), 1);
		}
		assert_int_equal(ktls_handshake_want(c.server), 0);
		assert_string_equal(ktls_handshake_error(c.server), "");
		assert_int_equal(SSL_session_reused(c.client), resumed);
		if (!resumed) {
			char byte;

			assert_true(SSL_read(c.client, &byte, 1) < 0); /* for the ticket */
			session = SSL_get1_session(c.client);
		}
		connection_close(&c);
	}
	SSL_SESSION_free(session);
	SSL_CTX_free(ours);
	SSL_CTX_free(client);
}

static void test_shortest_suites(void **state)
{
	(void)state;
	check_shortest(TLS1_3_VERSION, "TLS_AES_128_CCM_8_SHA256", 5 + 7 + 1 + 8);
	check_shortest(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-CCM8", 5 + 8 + 7 + 8);
}

/* RFC 8446 5: a ChangeCipherSpec may come at any time behind the first hello, and means nothing. */
static void check_early_ccs(const char *early, const char *later)
{
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct connection c;
	struct ktls_session_keys keys;

	connection_open(&c, server, client);
	connection_client_turn(&c);
	put_behind(&c, early);
	connection_server_turn(&c);
	assert_int_equal(connection_left_over(&c, NULL, 0), 0);
	put_behind(&c, later);
	connection_establish(&c, &keys);
	connection_talk(&c, &keys);
	connection_close(&c);
	SSL_CTX_free(client);
}

static void test_early_ccs(void **state)
{
	(void)state;
	check_early_ccs("140303000101", "");
	check_early_ccs("140303000101", "140303000101");
	/* A part of it is kept until the rest comes. */
	check_early_ccs("14", "0303000101");
	check_early_ccs("140303", "000101");
	check_early_ccs("1403030001", "01");
}

/* Bytes in one piece with the hello: the answer goes out, and then what is to be said about them. */
static void check_early(int version, const char *early, const char *phrase, int alert)
{
	SSL_CTX *client = client_context(version, NULL);
	struct connection c;

	connection_open(&c, server, client);
	connection_client_turn(&c);
	put_behind(&c, early);
	connection_server_turn(&c);
	assert_int_equal(c.reads, 1);
	assert_int_equal(connection_left_over(&c, NULL, 0), 0);
	assert_int_equal(ktls_handshake_want(c.server), 0);
	if (!strstr(ktls_handshake_error(c.server), phrase))
		fail_msg("\"%s\" is not said in \"%s\"", phrase, ktls_handshake_error(c.server));
	assert_int_equal(c.flight[0], KTLS_HANDSHAKE);
	connection_client_turn(&c);
	connection_hear_alert(&c);
	assert_int_equal(c.client_alert, alert);
	connection_close(&c);
	SSL_CTX_free(client);
}

static void test_early_records(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		int is_13 = version == TLS1_3_VERSION;

		check_early(version, "15030300020250", "the peer refused with the alert internal_error", -1);
		check_early(version, "474554202f20485454502f312e310d0a", "plain text", -1);
		/* Content, a second hello, the end of a handshake that has not begun. */
		check_early(version, "1703030001ff", "", is_13 ? BAD_RECORD_MAC : UNEXPECTED_MESSAGE);
		check_early(version, "160303000401000000", "", UNEXPECTED_MESSAGE);
		check_early(version, "14030300010116030300041400000c", "", UNEXPECTED_MESSAGE);
	}
}

static struct ktls_secret client_secret; /* of the client's handshake traffic */

static void keep_secret(const SSL *ssl, const char *line)
{
	static const char label[] = "CLIENT_HANDSHAKE_TRAFFIC_SECRET ";
	size_t len;

	(void)ssl;
	if (strncmp(line, label, strlen(label)) != 0)
		return;
	assert_int_equal(OPENSSL_hexstr2buf_ex(client_secret.bytes, sizeof(client_secret.bytes), &len,
				 strrchr(line, ' ') + 1, '\0'),
		1);
	client_secret.len = (uint8_t)len;
}

static size_t seal(struct ktls_key *k, const uint8_t *text, size_t len, uint8_t *out)
{
	ssize_t n = ktls_record_seal(k, KTLS_HANDSHAKE, text, len, out, 128);

	assert_true(n > 0);
	return (size_t)n;
}

/*
 * The client's ChangeCipherSpec and Finished, the latter cut into two records (RFC 8446 5.1). Returns how
 * long both are in out; *whole is how long the Finished is.
 */
static size_t cut_end(struct connection *c, size_t at, uint8_t *out, size_t *whole)
{
	enum {
		CCS = 6
	};
	uint8_t end[256];
	size_t len = connection_left_over(c, end, sizeof(end));
	struct ktls_key k, same;
	struct ktls_plain plain;

	assert_int_equal(ktls_key_from_secret(
				 &k, KTLS_AES_128_GCM, EVP_sha256(), client_secret.bytes, client_secret.len),
		0);
	same = k;
	assert_int_equal(ktls_record_open(&k, end + CCS, len - CCS, &plain), 0);
	*whole = plain.len;
	memcpy(out, end, CCS);
	len = CCS;
	len += seal(&same, plain.data, at, out + len);
	return len + seal(&same, plain.data + at, plain.len - at, out + len);
}

/* Where its last record is short, what stands behind it is left alone all the same. */
static void test_finished_in_two(void **state)
{
	SSL_CTX *client = client_context(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
	size_t whole = 2, len;

	(void)state;
	SSL_CTX_set_keylog_callback(client, keep_secret);
	for (size_t at = 1; at < whole; at++) {
		struct connection c;
		uint8_t end[512];

		connection_open(&c, server, client);
		connection_client_turn(&c);
		connection_server_turn(&c);
		assert_int_equal(connection_client_turn(&c), 1);
		len = cut_end(&c, at, end, &whole);
		assert_int_equal(BIO_write(SSL_get_wbio(c.client), end, (int)len), len);
		assert_int_equal(SSL_write(c.client, "OPTIONS", 7), 7);
		assert_int_equal(connection_run(&c), KTLS_HANDSHAKE_DONE);
		assert_string_equal(ktls_handshake_error(c.server), "");
		assert_int_equal(connection_left_over(&c, NULL, 0), KTLS_HEADER_LEN + 7 + 1 + 16);
		connection_close(&c);
	}
	assert_int_equal(whole, 4 + 32);
	SSL_CTX_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_shortest_suites),
		cmocka_unit_test(test_early_ccs),
		cmocka_unit_test(test_early_records),
		cmocka_unit_test(test_finished_in_two),
	};

	return cmocka_run_group_tests_name("early", tests, one_server_prepare, one_server_clean_up);
}
