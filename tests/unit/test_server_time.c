/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server with clients that take their time, and with more of them than it shakes hands with at once. */
#include "serving.h"

#include <string.h>

static struct identity id;
static SSL_CTX *server, *client;
static struct serving s;

static int make_contexts(void **state)
{
	(void)state;
	id = make_identity("EC", "server", NULL);
	server = server_context(&id, KTLS_VERIFY_NONE, NULL);
	client = client_context(TLS1_3_VERSION, NULL);
	return 0;
}

static int free_contexts(void **state)
{
	(void)state;
	SSL_CTX_free(client);
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

static int64_t failed_at(const struct caller *c)
{
	for (unsigned i = 0; i < s.failed; i++)
		if (s.failures[i].port == c->port)
			return s.failures[i].at;
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
	serving_open(&s, server, SILENT, 1);
	for (unsigned i = 0; i < SILENT; i++) {
		struct __kernel_timespec gap = {.tv_nsec = 110 * 1000000L};
		struct waited w;

		came[i] = milliseconds();
		serving_call(&s, client)->budget = 0;
		assert_int_equal(uring_timeout(s.turns.loop, waited_op(&w), &gap), 0);
		turns_wait(&s.turns, &w);
	}
	serving_expect(&s, 0, SILENT);
	for (unsigned i = 0; i < SILENT; i++)
		assert_true(failed_at(&s.callers[i]) - came[i] >= 1000);
	serving_close(&s);
}

/* The rest waits in the backlog and is served when the silent ones have had their time. */
static void test_max_handshakes(void **state)
{
	struct caller *c;

	(void)state;
	serving_open(&s, server, 2, 2);
	for (int i = 0; i < 5; i++)
		serving_call(&s, client)->budget = 0;
	c = serving_call(&s, client);
	serving_expect(&s, 1, 5);
	assert_int_equal(s.most, 2);
	assert_int_equal(s.asked, 6);
	assert_string_equal(s.reason, "not finished within handshake_timeout (2 s)");
	serving_talk(&s, c);
	serving_close(&s);
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
		cmocka_unit_test(test_max_handshakes),
		cmocka_unit_test(test_mixed_crowd),
	};

	return cmocka_run_group_tests_name("server_time", tests, make_contexts, free_contexts);
}
