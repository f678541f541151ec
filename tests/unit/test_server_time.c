/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server with clients that take their time. */
#include "serving.h"

#include <openssl/err.h>
#include <string.h>

static struct identity id;
static SSL_CTX *server, *client, *client_12;
static struct serving s;

static int make_contexts(void **state)
{
	(void)state;
	id = make_identity("EC", "server", NULL);
	server = server_context(&id, KTLS_VERIFY_NONE, NULL);
	client = client_context(TLS1_3_VERSION, NULL);
	client_12 = client_context(TLS1_2_VERSION, NULL);
	return 0;
}

static int free_contexts(void **state)
{
	(void)state;
	SSL_CTX_free(client);
	SSL_CTX_free(client_12);
	SSL_CTX_free(server);
	free_identity(&id);
	return 0;
}

/* Silent, with half a hello, or with one byte now and then: the time is that of the whole handshake. */
static void test_too_slow(void **state)
{
	static const struct {
		size_t budget, piece;
		int pause_ms;
	} slow[] = {{0, 0, 0}, {100, 0, 0}, {SIZE_MAX, 1, 50}};

	(void)state;
	serving_open(&s, server, 10, 1);
	for (unsigned i = 0; i < COUNT(slow); i++) {
		struct caller *c = serving_call(&s, client);

		c->budget = slow[i].budget;
		c->piece = slow[i].piece;
		c->pause_ms = slow[i].pause_ms;
	}
	serving_expect(&s, 0, COUNT(slow));
	assert_string_equal(s.reason, "not finished within handshake_timeout (1 s)");
	for (unsigned i = 0; i < COUNT(slow); i++) {
		serving_until_closed(&s, &s.callers[i]);
		caller_hang_up(&s.callers[i]);
	}
	/* The ring and the listener are left. */
	assert_int_equal(count_descriptors(), s.descriptors + 2);
	serving_close(&s);
}

/* Its place among the failures. */
static unsigned place_of(const struct caller *c)
{
	for (unsigned i = 0; i < s.failed; i++)
		if (s.failures[i].port == c->port)
			return i;
	fail_msg("a client was forgotten");
	return 0;
}

/* Nobody's time is over before it was given, whenever the others came. */
static void test_not_early(void **state)
{
	enum {
		SILENT = 8
	};
	int64_t came[SILENT];

	(void)state;
	serving_open(&s, server, 2 * SILENT, 1);
	for (unsigned i = 0; i < SILENT; i++) {
		struct __kernel_timespec gap = {.tv_nsec = 110 * 1000000L};
		struct waited w;

		came[i] = ktls_clock_ms();
		serving_call(&s, client)->budget = 0;
		assert_int_equal(uring_timeout(s.turns.loop, waited_op(&w), &gap), 0);
		turns_wait(&s.turns, &w);
	}
	serving_expect(&s, 0, SILENT);
	for (unsigned i = 0; i < SILENT; i++)
		assert_true(s.failures[place_of(&s.callers[i])].at - came[i] >= 1000);
	serving_close(&s);
}

static void let_pass(int64_t ms)
{
	int64_t end = ktls_clock_ms() + ms;

	while (ktls_clock_ms() < end)
		serving_go_on(&s);
}

/* What c has yet to say, all but what it says to an answer. */
static size_t first_flight(struct caller *c)
{
	SSL_do_handshake(c->ssl);
	ERR_clear_error();
	return (size_t)BIO_pending(SSL_get_wbio(c->ssl));
}

static const char line[] = "PROXY TCP4 192.0.2.1 198.51.100.2 58267 5061\r\n";

/*
 * The time begins with the accept, not with the last byte: those that came first and spoke late, up to a
 * whole ClientHello without the Finished, end before one that came later and never spoke. With a timer that
 * begins again at a byte it would be the other way round.
 */
static void check_from_accept(int proxy_header)
{
	static const size_t said[] = {1, 20, 100, SIZE_MAX};
	const struct uring_server_config limits = {
		.max_handshakes = 10, .handshake_timeout = 3, .proxy_header = proxy_header};
	struct caller *first[2 * COUNT(said)], *second;

	serving_open_with(&s, server, &limits);
	for (unsigned i = 0; i < COUNT(first); i++) {
		first[i] = serving_call(&s, i % 2 ? client : client_12);
		if (proxy_header)
			caller_says(first[i], line, sizeof(line) - 1);
		first[i]->budget = 0;
	}
	let_pass(300);
	second = serving_call(&s, client);
	second->budget = 0;
	let_pass(300);
	for (unsigned i = 0; i < COUNT(first); i++) {
		size_t all = first_flight(first[i]), part = said[i / 2];

		assert_true(all > 100);
		first[i]->budget = part < all ? part : all;
	}
	serving_expect(&s, 0, COUNT(first) + 1);
	for (unsigned i = 0; i < COUNT(first); i++) {
		assert_int_equal(first[i]->budget, 0);
		assert_true(place_of(first[i]) < place_of(second));
	}
	serving_close(&s);
}

static void test_from_accept(void **state)
{
	(void)state;
	check_from_accept(0);
	check_from_accept(1);
}

struct slow {
	size_t budget, piece;
	int pause_ms;
};

static void check_too_slow(const struct slow *slow, unsigned count, const char *reason)
{
	static const struct uring_server_config limits = {
		.max_handshakes = 10, .handshake_timeout = 1, .proxy_header = 1};

	serving_open_with(&s, server, &limits);
	for (unsigned i = 0; i < count; i++) {
		struct caller *c = serving_call(&s, client);

		caller_says(c, line, sizeof(line) - 1);
		c->budget = slow[i].budget;
		c->piece = slow[i].piece;
		c->pause_ms = slow[i].pause_ms;
	}
	serving_expect(&s, 0, count);
	assert_string_equal(s.reason, reason);
	for (unsigned i = 0; i < count; i++)
		serving_until_closed(&s, &s.callers[i]);
	serving_close(&s);
}

/* The header's bytes, and the handshake's behind them, have the one time together. */
static void test_too_slow_behind_proxy(void **state)
{
	static const struct slow in_header[] = {{0, 0, 0}, {20, 0, 0}, {SIZE_MAX, 1, 50}},
				 behind[] = {{sizeof(line) - 1, 0, 0}, {sizeof(line) - 1 + 100, 0, 0},
					 {SIZE_MAX, 30, 150}};

	(void)state;
	check_too_slow(in_header, COUNT(in_header), "no whole PROXY header within handshake_timeout (1 s)");
	check_too_slow(behind, COUNT(behind), "not finished within handshake_timeout (1 s)");
}

/* Many of each kind: everyone gets what is theirs, and nothing is left. */
static void test_mixed_crowd(void **state)
{
	(void)state;
	serving_open(&s, server, 1000, 5);
	for (int i = 0; i < 30; i++) {
		struct caller *c = serving_call(&s, client);

		if (i % 3 == 1)
			c->budget = 50;
		if (i % 3 == 2) {
			c->budget = 0;
			assert_int_equal(send(c->fd, "GET / HTTP/1.1\r\n", 16, 0), 16);
		}
	}
	serving_expect(&s, 10, 20);
	for (unsigned i = 0; i < 30; i += 3)
		serving_talk(&s, &s.callers[i]);
	serving_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_slow),
		cmocka_unit_test(test_not_early),
		cmocka_unit_test(test_from_accept),
		cmocka_unit_test(test_too_slow_behind_proxy),
		cmocka_unit_test(test_mixed_crowd),
	};

	return cmocka_run_group_tests_name("server_time", tests, make_contexts, free_contexts);
}
