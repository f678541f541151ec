/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handshakes that fail: each says why in words and, where TLS asks for it, to the client in an alert. */
#include "connection.h"
#include "one_server.h"

#include <errno.h>
#include <string.h>

enum { /* alerts of RFC 8446 6.2 */
	BAD_RECORD_MAC = 20,
	RECORD_OVERFLOW = 22,
	HANDSHAKE_FAILURE = 40,
	PROTOCOL_VERSION = 70,
};

/* Feeds bytes as wanted until they end or nothing is wanted any more. Returns how many were taken. */
static size_t feed(struct ktls_handshake *h, const uint8_t *p, size_t len)
{
	size_t off = 0, n;

	while (off < len && (n = ktls_handshake_want(h))) {
		n = n < len - off ? n : len - off;
		ktls_handshake_feed(h, p + off, n);
		off += n;
	}
	return off;
}

static void assert_failed(const struct ktls_handshake *h, const char *phrase)
{
	struct ktls_session_keys keys;
	const char *error = ktls_handshake_error(h);

	assert_int_equal(ktls_handshake_want(h), 0);
	assert_true(*error);
	if (!strstr(error, phrase))
		fail_msg("\"%s\" is not said in \"%s\"", phrase, error);
	assert_int_equal(ktls_handshake_keys(h, &keys), -EINVAL);
}

/* The output is one fatal alert in plain text, and nothing else. */
static void assert_alert(const struct ktls_handshake *h, uint8_t description)
{
	size_t len;
	const uint8_t *p = ktls_handshake_output(h, &len);

	assert_int_equal(len, 7);
	assert_int_equal(p[0], KTLS_ALERT);
	assert_int_equal(p[5], 2);
	assert_int_equal(p[6], description);
}

static void assert_silent(const struct ktls_handshake *h)
{
	size_t len;

	ktls_handshake_output(h, &len);
	assert_int_equal(len, 0);
}

/* Strangers to TLS would not understand an alert, so they get none. */
static void test_strangers(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *phrase;
	} strangers[] = {
		{"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", 37, "plain text"},
		{"REGISTER sip:example.org SIP/2.0\r\n", 34, "plain text"}, {"\r\n\r\n\r\n", 6, "plain text"},
		{"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10", 11, "does not speak TLS"}, /* SSLv2 hello */
		{"\xff\xfe\xfd\xfc\xfb\xfa", 6, "does not speak TLS"},
		{"\x00\x00\x00\x00\x00\x00", 6, "does not speak TLS"},
		{"\x16\x02\x00\x00\x10", 5, "does not speak TLS"},
		{"\x16\xfe\xfd\x00\x00", 5, "does not speak TLS"}, /* DTLS 1.2 */
		{"\x18\x03\x03\x00\x03", 5, "does not speak TLS"}, /* heartbeat */
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(strangers); i++) {
		struct ktls_handshake *h = ktls_handshake_new(server, KTLS_SERVER);

		/* The header is enough: what stands behind it is not waited for. */
		assert_int_equal(
			feed(h, (const uint8_t *)strangers[i].bytes, KTLS_HEADER_LEN), KTLS_HEADER_LEN);
		assert_failed(h, strangers[i].phrase);
		assert_silent(h);
		ktls_handshake_free(h);
	}
}

/* A ClientHello without extensions, TLS_RSA_WITH_AES_128_CBC_SHA. Versions: of the record and its own. */
static size_t old_hello(uint8_t record_minor, uint8_t minor, uint8_t *p)
{
	static const uint8_t head[] = {22, 3, 0, 0, 45, 1, 0, 0, 41, 3, 0};
	static const uint8_t tail[] = {0, 0, 2, 0, 0x2f, 1, 0};

	memcpy(p, head, sizeof(head));
	p[2] = record_minor;
	p[10] = minor;
	fill(p + sizeof(head), 32, 1);
	memcpy(p + sizeof(head) + 32, tail, sizeof(tail));
	return sizeof(head) + 32 + sizeof(tail);
}

static void test_old_versions(void **state)
{
	(void)state;
	for (uint8_t minor = 0; minor < 3; minor++) /* SSL 3.0, TLS 1.0, TLS 1.1 */
		for (uint8_t record_minor = 0; record_minor <= minor; record_minor++) {
			struct ktls_handshake *h = ktls_handshake_new(server, KTLS_SERVER);
			uint8_t hello[64];
			size_t len = old_hello(record_minor, minor, hello);

			assert_int_equal(feed(h, hello, len), len);
			assert_failed(h, ""); /* the words are OpenSSL's, and depend on what is missing */
			/* SSL 3.0 has no alert of that name (RFC 6101 5.4.2). */
			assert_alert(h, minor ? PROTOCOL_VERSION : HANDSHAKE_FAILURE);
			ktls_handshake_free(h);
		}
}

/* RFC 8446 5.2: "MUST terminate the connection with a record_overflow alert". The body is not waited for. */
static void test_oversized_records(void **state)
{
	static const char *const headers[] = {"160301ffff", "1603018000", "1603014800"};

	(void)state;
	for (unsigned i = 0; i < COUNT(headers); i++) {
		struct ktls_handshake *h = ktls_handshake_new(server, KTLS_SERVER);
		uint8_t bytes[6];

		unhex(headers[i], bytes, sizeof(bytes));
		bytes[5] = 1;
		assert_int_equal(feed(h, bytes, sizeof(bytes)), sizeof(bytes));
		assert_failed(h, "longer than TLS allows");
		assert_alert(h, RECORD_OVERFLOW);
		ktls_handshake_free(h);
	}
}

static void test_no_shared_cipher(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *picky = server_context(&id, KTLS_VERIFY_NONE, NULL);
		SSL_CTX *client =
			client_context(version, version == TLS1_2_VERSION ? "ECDHE-ECDSA-AES128-GCM-SHA256"
									  : "TLS_AES_128_GCM_SHA256");
		struct connection c;

		assert_int_equal(SSL_CTX_set_cipher_list(picky, "ECDHE-ECDSA-AES256-GCM-SHA384"), 1);
		assert_int_equal(SSL_CTX_set_ciphersuites(picky, "TLS_AES_256_GCM_SHA384"), 1);
		connection_open(&c, picky, client);
		assert_int_equal(connection_run(&c), KTLS_HANDSHAKE_FAILED);
		assert_failed(c.server, "the peer and we have no cipher suite in common");
		assert_int_equal(c.client_alert, HANDSHAKE_FAILURE);
		connection_close(&c);
		SSL_CTX_free(client);
		SSL_CTX_free(picky);
	}
}

/* The client finds the server's certificate wanting and says so: in plain text or, in TLS 1.3, encrypted. */
static void test_alert_of_the_client(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *client = client_context(version, NULL);
		struct connection c;

		SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
		connection_open(&c, server, client);
		assert_int_equal(connection_run(&c), KTLS_HANDSHAKE_FAILED);
		assert_failed(c.server, "alert");
		assert_silent(c.server);
		connection_close(&c);
		SSL_CTX_free(client);
	}
}

/* The client's first flight, into buf. */
static size_t first_flight(struct connection *c, uint8_t *buf, size_t cap)
{
	size_t len;

	connection_client_turn(c);
	len = connection_left_over(c, buf, cap);
	assert_true(len <= cap);
	return len;
}

static void answer_hello_with(const char *record, const char *phrase)
{
	SSL_CTX *client = client_context(TLS1_2_VERSION, NULL);
	struct connection c;
	uint8_t bytes[64];
	size_t len = unhex(record, bytes, sizeof(bytes));

	connection_open(&c, server, client);
	connection_client_turn(&c);
	connection_server_turn(&c);
	feed(c.server, bytes, len);
	assert_failed(c.server, phrase);
	connection_close(&c);
	SSL_CTX_free(client);
}

static void test_messages_out_of_place(void **state)
{
	(void)state;
	answer_hello_with("15030300020250", "the peer refused with the alert internal_error");
	answer_hello_with("15030300020100", "closed"); /* close_notify */
	answer_hello_with("15030300020000", "alert");  /* a level that is none */
	answer_hello_with("150303000102", "");         /* half an alert */
	answer_hello_with("1703030001ff", "");         /* application data */
	answer_hello_with("140303000101", "");         /* ChangeCipherSpec without keys */
	answer_hello_with("140303000102", "");         /* a ChangeCipherSpec that is none */
	answer_hello_with("16030300040e000000", "");   /* ServerHelloDone, from a client */
	answer_hello_with("160303000401000000", "");   /* a second, empty ClientHello */
}

/* Every message of a client, changed in one bit: never accepted where it matters, never a crash. */
static void test_damaged_hello(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *client = client_context(version, NULL);
		uint8_t flight[4096], copy[4096];
		struct connection c;
		size_t len;

		connection_open(&c, server, client);
		len = first_flight(&c, flight, sizeof(flight));
		for (size_t i = 0; i < len; i++) {
			struct ktls_handshake *h = ktls_handshake_new(server, KTLS_SERVER);

			memcpy(copy, flight, len);
			copy[i] ^= (uint8_t)(1 << i % 8);
			assert_true(feed(h, copy, len) <= len);
			/* Goes on, as with another random, or has failed with a reason. */
			assert_true(ktls_handshake_want(h) || *ktls_handshake_error(h));
			ktls_handshake_free(h);
		}
		connection_close(&c);
		SSL_CTX_free(client);
	}
}

/* The last record of the client's second flight is its Finished; one bit of it is wrong. */
static void damage_finished(int version)
{
	SSL_CTX *client = client_context(version, NULL);
	struct connection c;
	uint8_t flight[4096];
	size_t len;

	connection_open(&c, server, client);
	connection_client_turn(&c);
	connection_server_turn(&c);
	connection_client_turn(&c);
	len = connection_left_over(&c, flight, sizeof(flight));
	assert_true(len > 0 && len <= sizeof(flight));
	flight[len - 1] ^= 1;
	assert_int_equal(BIO_write(SSL_get_wbio(c.client), flight, (int)len), len);
	assert_int_equal(connection_run(&c), KTLS_HANDSHAKE_FAILED);
	assert_failed(c.server, "bad record mac");
	connection_hear_alert(&c);
	assert_int_equal(c.client_alert, BAD_RECORD_MAC);
	connection_close(&c);
	SSL_CTX_free(client);
}

static void test_damaged_finished(void **state)
{
	(void)state;
	damage_finished(TLS1_2_VERSION);
	damage_finished(TLS1_3_VERSION);
}

static void test_more_than_wanted(void **state)
{
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	uint8_t bytes[KTLS_MAX_RECORD] = {KTLS_APPLICATION_DATA, 3, 3, 1, 0};
	struct connection c;

	(void)state;
	connection_open(&c, server, client);
	connection_client_turn(&c);
	connection_server_turn(&c);
	assert_int_equal(ktls_handshake_feed(c.server, bytes, ktls_handshake_want(c.server) + 1),
		KTLS_HANDSHAKE_FAILED);
	assert_failed(c.server, "more bytes were fed than asked for");
	connection_close(&c);
	SSL_CTX_free(client);
}

/* Who is asked for nothing gives nothing: an ended handshake takes no byte and stays as it was. */
static void test_nothing_after_the_end(void **state)
{
	struct ktls_handshake *h = ktls_handshake_new(server, KTLS_SERVER);
	char error[200];

	(void)state;
	feed(h, (const uint8_t *)"GET / HTTP", 10);
	strcpy(error, ktls_handshake_error(h));
	assert_int_equal(ktls_handshake_feed(h, (const uint8_t *)"", 0), KTLS_HANDSHAKE_FAILED);
	assert_string_equal(ktls_handshake_error(h), error);
	ktls_handshake_free(h);
}

/* Empty records and a flood of what means nothing must end, not loop. */
static void test_flood_of_nothing(void **state)
{
	static const char *const records[] = {"1603030000", "15030300020164", "140303000101"};

	(void)state;
	for (unsigned i = 0; i < COUNT(records); i++) {
		struct ktls_handshake *h = ktls_handshake_new(server, KTLS_SERVER);
		uint8_t bytes[16];
		size_t len = unhex(records[i], bytes, sizeof(bytes));
		unsigned count;

		for (count = 0; count < 100 && ktls_handshake_want(h); count++)
			feed(h, bytes, len);
		assert_true(count < 100);
		assert_failed(h, "");
		ktls_handshake_free(h);
	}
}

/* Freed in the middle, with output that nobody took: nothing may leak (the sanitizer looks). */
static void test_given_up(void **state)
{
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	uint8_t flight[4096];
	struct connection c;
	size_t len;

	(void)state;
	connection_open(&c, server, client);
	len = first_flight(&c, flight, sizeof(flight));
	assert_int_equal(feed(c.server, flight, len), len);
	ktls_handshake_output(c.server, &len);
	assert_true(len > 100);
	ktls_handshake_sent(c.server, 50);
	connection_close(&c);
	SSL_CTX_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_old_versions),
		cmocka_unit_test(test_oversized_records),
		cmocka_unit_test(test_no_shared_cipher),
		cmocka_unit_test(test_alert_of_the_client),
		cmocka_unit_test(test_messages_out_of_place),
		cmocka_unit_test(test_damaged_hello),
		cmocka_unit_test(test_damaged_finished),
		cmocka_unit_test(test_more_than_wanted),
		cmocka_unit_test(test_nothing_after_the_end),
		cmocka_unit_test(test_flood_of_nothing),
		cmocka_unit_test(test_given_up),
	};

	return cmocka_run_group_tests_name("refuse", tests, one_server_prepare, one_server_clean_up);
}
