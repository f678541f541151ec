/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A negotiated max_fragment_length (RFC 6066 4) limits the records that we send. */
#include "client.h"
#include "connection.h"
#include "scenario.h"
#include "seam.h"

#include "ktls/stream_io.h"

#include <errno.h>
#include <linux/tls.h>
#include <stdlib.h>
#include <string.h>

static const struct ktls_allocator heap = {malloc, free};

static const struct {
	uint8_t mode;
	uint16_t length;
} limits[] = {{TLSEXT_max_fragment_length_DISABLED, 0}, {TLSEXT_max_fragment_length_512, 512},
	{TLSEXT_max_fragment_length_1024, 1024}, {TLSEXT_max_fragment_length_2048, 2048},
	{TLSEXT_max_fragment_length_4096, 4096}};

static const struct {
	int version;
	const char *suite;
} suites[] = {{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"},
	{TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305"}, {TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"}};

static void offer(SSL_CTX *client, uint8_t mode)
{
	assert_int_equal(SSL_CTX_set_tlsext_max_fragment_length(client, mode), 1);
}

/* The peer, OpenSSL, refuses longer records. */
static void check_content(SSL *peer, const struct ktls_session_keys *keys, uint16_t limit)
{
	static uint8_t said[10000], heard[sizeof(said)], wire[sizeof(said) + 30 * KTLS_MAX_EXPANSION];
	struct ktls_stream s;
	size_t taken, have = 0;
	ssize_t len;

	fill(said, sizeof(said), limit);
	ktls_stream_init(&s, KTLS_HOME_USER, keys, 0);
	len = ktls_stream_seal(&s, said, sizeof(said), wire, sizeof(wire), &taken);
	assert_true(len > 0);
	assert_int_equal(taken, sizeof(said));
	/* Not more records than needed. */
	assert_int_equal(s.tx.seq - keys->tx.seq, limit ? (sizeof(said) + limit - 1) / limit : 1);
	assert_int_equal(BIO_write(SSL_get_rbio(peer), wire, (int)len), len);
	while (have < sizeof(said)) {
		int n = SSL_read(peer, heard + have, (int)(sizeof(heard) - have));

		assert_true(n > 0);
		have += (size_t)n;
	}
	assert_memory_equal(heard, said, sizeof(said));
	ktls_stream_wipe(&s, &heap);
}

static void check_server(int version, const char *suite, unsigned limit)
{
	SSL_CTX *server = server_context(&scenario_ec, KTLS_VERIFY_NONE, NULL);
	SSL_CTX *client = client_context(version, suite);
	SSL_SESSION *session = NULL;

	offer(client, limits[limit].mode);
	for (int resumed = 0; resumed < 2; resumed++) {
		struct ktls_session_keys keys;
		struct connection c;

		connection_open(&c, server, client);
		if (session)
			assert_int_equal(SSL_set_session(c.client, session), 1);
		connection_establish(&c, &keys);
		assert_int_equal(SSL_session_reused(c.client), resumed);
		assert_int_equal(keys.max_fragment, limits[limit].length);
		check_content(c.client, &keys, limits[limit].length);
		SSL_SESSION_free(session);
		session = SSL_get1_session(c.client);
		connection_close(&c);
	}
	SSL_SESSION_free(session);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

static void test_server(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(suites); i++)
		for (unsigned limit = 0; limit < COUNT(limits); limit++)
			check_server(suites[i].version, suites[i].suite, limit);
}

static void check_client(int version, const char *suite, unsigned limit)
{
	SSL_CTX *ours = our_client_context(version, suite, KTLS_VERIFY_NONE);
	SSL_CTX *server = peer_server_context(&scenario_ec);
	struct ktls_session_keys keys;
	struct client c;

	offer(ours, limits[limit].mode);
	client_open(&c, ours, server);
	client_establish(&c, &keys);
	assert_int_equal(keys.max_fragment, limits[limit].length);
	check_content(c.server, &keys, limits[limit].length);
	client_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
}

static void test_client(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(suites); i++)
		for (unsigned limit = 0; limit < COUNT(limits); limit++)
			check_client(suites[i].version, suites[i].suite, limit);
}

/* The kernel makes more records of a write; each counts. */
static void test_count_write(void **state)
{
	struct ktls_stream s = {.home = KTLS_HOME_KERNEL, .version = TLS1_3_VERSION, .max_fragment = 512};

	(void)state;
	assert_int_equal(ktls_stream_count_write(&s, 3300), 0);
	assert_true(s.tx.seq >= 7 && s.tx.seq <= 8);
}

/* The limit is set before anything can be sent, and without it a socket cannot be used. */
static void test_install(void **state)
{
	struct ktls_key k = make_key(TLS1_3_VERSION, KTLS_AES_128_GCM, 1);
	uint16_t limit = 1024;

	(void)state;
	seam_open();
	assert_int_equal(ktls_kernel_install(SEAM_FD, &k, &k, limit), 0);
	assert_int_equal(seam.asks, 4);
	assert_true(seam.asked[1].name == TLS_TX && seam.asked[3].name == TLS_RX);
	assert_true(seam.asked[2].level == SOL_TLS && seam.asked[2].name == 5);
	assert_int_equal(seam.asked[2].len, sizeof(limit));
	assert_memory_equal(seam.asked[2].value, &limit, sizeof(limit));
	seam_open();
	seam.refused_ask = 2;
	seam.refused_errno = ENOPROTOOPT;
	assert_int_equal(ktls_kernel_install(SEAM_FD, &k, &k, limit), 1);
	assert_int_equal(seam.asks, 3);
}

/* A kernel that supports everything but the limit is not asked. */
static void test_start(void **state)
{
	SSL_CTX *server = server_context(&scenario_ec, KTLS_VERIFY_NONE, NULL);

	(void)state;
	for (unsigned limit = 0; limit < 2; limit++)
		for (int supported = 0; supported < 2; supported++) {
			const struct ktls_kernel_caps caps = {.max_fragment = supported ? 0 : -ENOPROTOOPT};
			SSL_CTX *client = client_context(suites[0].version, suites[0].suite);
			int in_kernel = !limits[limit].length || supported;
			struct connection c;
			struct ktls_stream s;

			offer(client, limits[limit].mode);
			connection_open(&c, server, client);
			assert_int_equal(connection_run(&c), KTLS_HANDSHAKE_DONE);
			seam_open();
			assert_int_equal(ktls_stream_start(&s, SEAM_FD, c.server, &caps), 0);
			seam_close(NULL);
			assert_int_equal(s.home, in_kernel ? KTLS_HOME_KERNEL : KTLS_HOME_USER);
			assert_int_equal(seam.asks, in_kernel ? 3 + (limit > 0) : 0);
			assert_int_equal(s.max_fragment, limits[limit].length);
			ktls_stream_wipe(&s, &heap);
			connection_close(&c);
			SSL_CTX_free(client);
		}
	SSL_CTX_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_count_write),
		cmocka_unit_test_teardown(test_install, seam_close),
		cmocka_unit_test_teardown(test_start, seam_close),
	};

	return cmocka_run_group_tests_name("fragment", tests, scenario_prepare, scenario_clean_up);
}
