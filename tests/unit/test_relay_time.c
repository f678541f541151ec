/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Relayed connections that end because their time is over, and those that do not. */
#include "relaying.h"

#include "ktls/sys.h"

#include <errno.h>

enum {
	BUFFERS = 65536,
};

static const char not_written[] = "not written within send_timeout (1 s)";

static struct relaying s;
static const uint8_t chunk[16384];

static void check_others(struct talk *other)
{
	talk_exchange(&s, other, 5000, 5000); /* so little that none of it ever waits */
}

/* Each has its time from when it last took something; who listens is not touched. */
static void test_time_is_over(void **state)
{
	struct talk *other = relaying_begin(&s, 1, BUFFERS), *t[3];

	(void)state;
	for (unsigned i = 0; i < COUNT(t); i++) {
		int64_t start = ktls_clock_ms();

		t[i] = relaying_connect(&s, contexts.client);
		if (i != 1)
			talk_server_say_all(&s, t[i]);
		if (i != 0)
			talk_say_all(&s, t[i]);
		relaying_expect_end(&s, t[i], not_written);
		assert_true(ktls_clock_ms() - start >= 1000);
		check_others(other);
	}
	relaying_quiet(&s, 100);
	assert_int_equal(other->ended, 0);
	relaying_close(&s);
}

/* Turns for so many milliseconds. Returns 0 where this machine took that long for it that nothing can be said
 * about time. */
static int turn_for(int ms)
{
	int64_t start = ktls_clock_ms();

	while (ktls_clock_ms() < start + ms)
		relaying_go_on(&s);
	return ktls_clock_ms() < start + 1000;
}

/* Little by little is enough to stay, even where it does not make room enough for a poll. */
static void test_slow_listener(void **state)
{
	struct talk *t = relaying_begin(&s, 2, BUFFERS);
	int64_t end;
	int in_time = 1;
	uint8_t got[1024];

	(void)state;
	talk_say_all(&s, t);
	end = ktls_clock_ms() + 3000;
	while (in_time && ktls_clock_ms() < end) {
		in_time = turn_for(50);
		assert_true(talk_server_hear(t, got, sizeof(got)) > 0);
		assert_true(!in_time || !t->ended);
	}
	relaying_expect_end(&s, t, "not written within send_timeout (2 s)");
	relaying_close(&s);
}

static int trickle_fd;
static int64_t trickle_next;
static size_t trickled;

/* A socket that takes a little now and then. */
static ssize_t trickling_send(int fd, const void *buf, size_t len, int flags)
{
	if (fd != trickle_fd)
		return send(fd, buf, len, flags);
	errno = EAGAIN;
	if (ktls_clock_ms() < trickle_next)
		return -1;
	trickle_next = ktls_clock_ms() + 20;
	trickled++;
	return send(fd, buf, len < 10 ? len : 10, flags);
}

/* What is held becomes less, but never nothing. */
static void test_trickle(void **state)
{
	struct talk *t = relaying_begin(&s, 2, BUFFERS);
	int64_t end = ktls_clock_ms() + 3000;
	int in_time = 1;

	(void)state;
	trickle_fd = t->relay_fd;
	ktls_sys.send = trickling_send;
	assert_int_equal(talk_server_say(t, chunk, sizeof(chunk)), sizeof(chunk));
	while (in_time && ktls_clock_ms() < end)
		in_time = turn_for(50);
	ktls_sys.send = send;
	assert_in_range(trickled, 1, 1000); /* the record is not over */
	assert_true(!in_time || !t->ended);
	if (!t->ended)
		talk_client_expect(&s, t, chunk, sizeof(chunk));
	relaying_close(&s);
}

/* Waiting for the time to be over takes no turns. */
static void test_waits_asleep(void **state)
{
	struct talk *t = relaying_begin(&s, 1, BUFFERS);
	unsigned turns = 0;

	(void)state;
	talk_server_say_all(&s, t);
	while (!t->ended)
		turns += relaying_turns(&s, 50);
	assert_true(turns <= 100); /* the kernel may still carry a little; a busy loop makes thousands */
	relaying_expect_end(&s, t, not_written);
	relaying_close(&s);
}

/* The server said its last and closed; what is not taken is lost, and that is no orderly end. */
static void test_last_words_not_taken(void **state)
{
	struct talk *t = relaying_begin(&s, 1, BUFFERS);

	(void)state;
	talk_server_say_all(&s, t);
	talk_close_server(t);
	relaying_expect_end(&s, t, not_written);
	relaying_close(&s);
}

/* The other way round: the client has said goodbye behind what the server does not take. */
static void test_last_words_not_read(void **state)
{
	struct talk *t;

	(void)state;
	relaying_open(&s, 1);
	s.sndbuf = 4096; /* the pair holds less than a record */
	t = relaying_connect(&s, contexts.client);
	talk_say(t, chunk, 16000);
	assert_int_equal(SSL_shutdown(t->tls.client), 0);
	talk_pass(t);
	relaying_expect_end(&s, t, not_written);
	relaying_close(&s);
}

/* An end that began well is no good one where something is lost then. */
static void test_last_answers_not_taken(void **state)
{
	struct talk *t = relaying_begin(&s, 1, BUFFERS);

	(void)state;
	talk_say_goodbye(&s, t);
	talk_server_expect_end(&s, t);
	while (!t->ended) {
		send(t->server, chunk, sizeof(chunk), MSG_DONTWAIT | MSG_NOSIGNAL);
		relaying_go_on(&s);
	}
	relaying_expect_end(&s, t, not_written);
	relaying_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time_is_over),
		cmocka_unit_test(test_slow_listener),
		cmocka_unit_test(test_trickle),
		cmocka_unit_test(test_waits_asleep),
		cmocka_unit_test(test_last_words_not_taken),
		cmocka_unit_test(test_last_words_not_read),
		cmocka_unit_test(test_last_answers_not_taken),
	};

	return cmocka_run_group_tests_name(
		"relay_time", tests, relaying_make_contexts, relaying_free_contexts);
}
