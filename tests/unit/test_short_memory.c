/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handshakes during which memory is used up: they end, and say that the peer is not to blame. */
#include "client.h"
#include "connection.h"
#include "one_server.h"

#include <openssl/crypto.h>
#include <stdlib.h>

static size_t left = SIZE_MAX;  /* allocations of OpenSSL's that still succeed */
static unsigned failed, blamed; /* handshakes; those that were laid to the peer */

static int take_one(void)
{
	if (!left)
		return 0;
	left -= left != SIZE_MAX;
	return 1;
}

static void *allocate(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return take_one() ? malloc(size) : NULL;
}

static void *allocate_again(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return take_one() ? realloc(p, size) : NULL;
}

static void release(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* Feeds a flight while memory lasts. Returns whether there was enough of it. */
static int has_enough(struct ktls_handshake *h, const uint8_t *flight, size_t len, size_t memory)
{
	size_t off = 0, n;
	int used_up;

	left = memory;
	while (off < len && (n = ktls_handshake_want(h))) {
		n = n < len - off ? n : len - off;
		ktls_handshake_feed(h, flight + off, n);
		off += n;
	}
	used_up = !left;
	left = SIZE_MAX;
	failed += *ktls_handshake_error(h) != 0;
	blamed += *ktls_handshake_error(h) && ktls_handshake_cause(h) != KTLS_CAUSE_LOCAL;
	return !used_up;
}

static int start_counting(void **state)
{
	(void)state;
	failed = blamed = 0;
	return 0;
}

/* OpenSSL itself has a few places that do not say what they failed of. */
static void assert_hardly_blamed(void)
{
	assert_true(failed > 100);
	assert_true(blamed < failed / 20);
}

static void test_client(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *ours = our_client_context(version, NULL, KTLS_VERIFY_NONE);
		SSL_CTX *theirs = peer_server_context(&id);
		int enough = 0;

		for (size_t memory = 0; !enough; memory++) {
			uint8_t flight[8192];
			struct client c;
			size_t len;

			client_open(&c, ours, theirs);
			client_server_turn(&c);
			len = client_left_over(&c, flight, sizeof(flight));
			enough = has_enough(c.ours, flight, len, memory);
			client_close(&c);
		}
		SSL_CTX_free(ours);
		SSL_CTX_free(theirs);
	}
	assert_hardly_blamed();
}

static void test_server(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *client = client_context(version, NULL);
		int enough = 0;

		for (size_t memory = 0; !enough; memory++) {
			uint8_t flight[8192];
			struct connection c;
			size_t len;

			connection_open(&c, server, client);
			connection_client_turn(&c);
			len = connection_left_over(&c, flight, sizeof(flight));
			enough = has_enough(c.server, flight, len, memory);
			connection_close(&c);
		}
		SSL_CTX_free(client);
	}
	assert_hardly_blamed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_client, start_counting),
		cmocka_unit_test_setup(test_server, start_counting),
	};

	if (CRYPTO_set_mem_functions(allocate, allocate_again, release) != 1)
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("short_memory", tests, one_server_prepare, one_server_clean_up);
}
