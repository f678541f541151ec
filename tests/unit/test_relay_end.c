/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How relayed connections end: what was said before is heard, and both sides learn of it. */
#include "relaying.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum {
	PATIENT = 3600, /* seconds: only where it is 1 may something end by its time */
	MUCH = 60000,   /* bytes that still fit into the buffers of sockets and pair */
};

static struct relaying s;
static uint8_t much[MUCH];

static void assert_goodbye_heard(struct talk *t)
{
	talk_client_expect_end(&s, t);
	assert_int_equal(t->notified, 1);
	assert_int_equal(t->error, 0);
}

/* What the server answers to the last words still goes out. */
static void test_client_closes(void **state)
{
	struct talk *t = relaying_begin(&s, PATIENT, 0);

	(void)state;
	talk_say(t, "last words", 10);
	talk_say_goodbye(&s, t);
	talk_server_expect(&s, t, "last words", 10);
	talk_server_expect_end(&s, t);
	assert_int_equal(t->ended, 0);
	assert_int_equal(talk_server_say(t, "an answer", 9), 9);
	talk_client_expect(&s, t, "an answer", 9);
	relaying_quiet(&s, 50);
	talk_close_server(t);
	relaying_expect_end(&s, t, NULL);
	assert_goodbye_heard(t);
	relaying_close(&s);
}

/* The server listens only when everything has been said and the client's socket is gone. */
static void test_client_closes_and_is_gone(void **state)
{
	struct talk *t = relaying_begin(&s, PATIENT, 0);

	(void)state;
	talk_say(t, much, MUCH);
	talk_say_goodbye(&s, t);
	talk_close_client(t);
	relaying_go_on(&s);
	talk_server_expect(&s, t, much, MUCH);
	talk_server_expect_end(&s, t);
	/* Nobody hears it; what the client said counts. */
	for (int i = 0; i < 3; i++) {
		send(t->server, "hello?", 6, MSG_DONTWAIT | MSG_NOSIGNAL);
		relaying_go_on(&s);
	}
	talk_close_server(t);
	relaying_expect_end(&s, t, NULL);
	relaying_close(&s);
}

static void test_server_closes(void **state)
{
	struct talk *t = relaying_begin(&s, PATIENT, 0);

	(void)state;
	assert_int_equal(talk_server_say(t, much, MUCH), MUCH);
	talk_close_server(t);
	relaying_go_on(&s);
	talk_client_expect(&s, t, much, MUCH);
	assert_goodbye_heard(t);
	assert_int_equal(t->ended, 0);
	/* Its goodbye is enough, the TCP stream need not end. */
	talk_say_goodbye(&s, t);
	relaying_expect_end(&s, t, NULL);
	relaying_close(&s);
}

/* Clients that just close, and clients that reset: the connection was over before. */
static void test_server_closes_client_drops(void **state)
{
	static void (*const drop[])(struct talk * t) = {talk_close_client, talk_reset_client};

	(void)state;
	for (unsigned i = 0; i < COUNT(drop); i++) {
		struct talk *t = relaying_begin(&s, PATIENT, 0);

		talk_close_server(t);
		assert_goodbye_heard(t);
		drop[i](t);
		relaying_expect_end(&s, t, NULL);
		relaying_close(&s);
	}
}

/* The server closes without having read: the pair is reset then, but it had said something before. */
static void test_server_closes_unread(void **state)
{
	struct talk *t = relaying_begin(&s, PATIENT, 0);

	(void)state;
	talk_say(t, "never read", 10);
	talk_pass(t);
	relaying_go_on(&s);
	assert_int_equal(talk_server_say(t, "that's it", 9), 9);
	talk_close_server(t);
	talk_say(t, "still less", 10);
	talk_pass(t);
	talk_client_expect(&s, t, "that's it", 9);
	assert_goodbye_heard(t);
	talk_say(t, much, MUCH); /* the client did not hear it in time */
	talk_say_goodbye(&s, t);
	relaying_expect_end(&s, t, NULL);
	relaying_close(&s);
}

/* The server says no more but listens. */
static void test_server_half_closes(void **state)
{
	struct talk *t = relaying_begin(&s, PATIENT, 0);

	(void)state;
	assert_int_equal(shutdown(t->server, SHUT_WR), 0);
	assert_goodbye_heard(t);
	talk_say(t, much, MUCH);
	talk_say_goodbye(&s, t);
	talk_server_expect(&s, t, much, MUCH);
	talk_server_expect_end(&s, t);
	relaying_expect_end(&s, t, NULL);
	relaying_close(&s);
}

/* The other side has its time to end as well, and no more, whatever it does meanwhile. */
static void test_client_does_not_close(void **state)
{
	int64_t start = ktls_clock_ms();
	struct talk *t = relaying_begin(&s, 1, 0);

	(void)state;
	talk_close_server(t);
	assert_goodbye_heard(t);
	while (!t->ended) {
		talk_say(t, much, 1000);
		talk_pass(t);
		relaying_go_on(&s);
	}
	assert_true(ktls_clock_ms() - start >= 1000);
	relaying_expect_end(&s, t, NULL);
	relaying_close(&s);
}

static void test_server_does_not_close(void **state)
{
	int64_t start = ktls_clock_ms();
	struct talk *t;
	size_t heard = 0;
	char got[1000];

	(void)state;
	relaying_open(&s, 1);
	s.sndbuf = 4096; /* so that now and then something is held */
	t = relaying_connect(&s, contexts.client);
	talk_say_goodbye(&s, t);
	talk_server_expect_end(&s, t);
	while (!t->ended) {
		send(t->server, much, 16384, MSG_DONTWAIT | MSG_NOSIGNAL);
		relaying_go_on(&s);
		for (size_t n = 1; n; heard += n)
			n = talk_hear(t, got, sizeof(got));
	}
	assert_true(ktls_clock_ms() - start >= 1000);
	assert_true(heard > 0);
	assert_true(!*t->reason || !strncmp(t->reason, "not written", 11)); /* the last of it */
	while (talk_hear(t, got, sizeof(got)))
		;
	talk_client_expect_end(&s, t);
	relaying_close(&s);
}

/* The TCP stream ends between two records, in a header, in a record. */
static void test_truncated(void **state)
{
	static const size_t cuts[] = {0, 3, 40};

	(void)state;
	for (unsigned i = 0; i < 2 * COUNT(cuts); i++) {
		struct talk *t = relaying_begin(&s, PATIENT, 0);

		talk_say(t, "whole", 5);
		talk_pass_all(&s, t);
		talk_say(t, much, 1000);
		t->piece = cuts[i / 2];
		if (t->piece)
			assert_int_equal(talk_pass(t), t->piece);
		if (i % 2)
			talk_close_client(t);
		else
			assert_int_equal(shutdown(t->client, SHUT_WR), 0);
		t->error = EPIPE; /* it says no more */
		talk_server_expect(&s, t, "whole", 5);
		talk_server_expect_end(&s, t);
		assert_int_equal(t->ended, 0);
		assert_int_equal(talk_server_say(t, "an answer", 9), 9);
		if (i % 2 == 0)
			talk_client_expect(&s, t, "an answer", 9);
		talk_close_server(t);
		relaying_expect_end(&s, t, "ended without close_notify");
		if (i % 2 == 0) {
			talk_client_expect_end(&s, t);
			assert_int_equal(t->notified, 1);
		}
		relaying_close(&s);
	}
}

static void test_reset(void **state)
{
	struct talk *t = relaying_begin(&s, PATIENT, 0);

	(void)state;
	talk_say(t, "before", 6);
	talk_pass_all(&s, t);
	relaying_go_on(&s);
	talk_reset_client(t);
	relaying_expect_end(&s, t, "receiving failed: the peer reset the connection");
	talk_server_expect(&s, t, "before", 6);
	talk_server_expect_end(&s, t);
	relaying_close(&s);
}

/* The relay waits for a server that does not listen when the client resets; it learns of that when the server
 * says something. What it had read is still the server's. */
static void test_reset_unnoticed(void **state)
{
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	s.sndbuf = 4096;
	t = relaying_connect(&s, contexts.client);
	talk_say(t, much, 16384);
	talk_pass_all(&s, t);
	relaying_go_on(&s);
	talk_reset_client(t);
	relaying_go_on(&s);
	assert_int_equal(t->ended, 0);
	assert_int_equal(talk_server_say(t, "hello?", 6), 6);
	relaying_go_on(&s);
	talk_server_expect(&s, t, much, 16384);
	relaying_expect_end(&s, t, "sending failed: the peer reset the connection");
	talk_server_expect_end(&s, t);
	relaying_close(&s);
}

/* Those that can take it hear it; nothing else ends. */
static void test_goodbye(void **state)
{
	struct talk *idle, *stuck, *leaving;
	uint8_t *zeros;
	size_t said;
	char byte;

	(void)state;
	relaying_open(&s, PATIENT);
	idle = relaying_connect(&s, contexts.client);
	talk_exchange(&s, idle, 1000, 1000);
	leaving = relaying_connect(&s, contexts.client);
	talk_close_server(leaving);
	s.sndbuf = s.rcvbuf = 4096;
	stuck = relaying_connect(&s, contexts.client);
	said = talk_server_say_all(&s, stuck);
	for (int i = 0; i < 2; i++) { /* the second time there is nothing left to say */
		uring_relay_goodbye(s.relay);
		assert_int_equal(uring_relay_connections(s.relay), 3);
		assert_int_equal(ERR_peek_error(), 0);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(s.talks[i]->ended, 0);
		assert_int_equal(recv(s.talks[i]->relay_fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK), -1);
		assert_int_equal(errno, EAGAIN);
	}
	/* No turn is needed for it. */
	while (!idle->notified && !idle->closed)
		assert_int_equal(talk_hear(idle, &byte, 1), 0);
	assert_int_equal(idle->notified, 1);
	assert_goodbye_heard(leaving);
	zeros = calloc(1, said);
	talk_client_expect(&s, stuck, zeros, said);
	free(zeros);
	relaying_go_on(&s);
	assert_int_equal(talk_hear(stuck, &byte, 1), 0);
	assert_int_equal(stuck->notified, 0);
	/* What comes too late goes nowhere, and is no trouble. */
	assert_int_equal(talk_server_say(idle, "late", 4), 4);
	assert_goodbye_heard(idle);
	talk_close_client(idle);
	talk_close_server(idle);
	relaying_expect_end(&s, idle, NULL);
	relaying_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_closes),
		cmocka_unit_test(test_client_closes_and_is_gone),
		cmocka_unit_test(test_server_closes),
		cmocka_unit_test(test_server_closes_client_drops),
		cmocka_unit_test(test_server_closes_unread),
		cmocka_unit_test(test_server_half_closes),
		cmocka_unit_test(test_client_does_not_close),
		cmocka_unit_test(test_server_does_not_close),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_reset_unnoticed),
		cmocka_unit_test(test_goodbye),
	};

	fill(much, sizeof(much), 3);
	return cmocka_run_group_tests_name(
		"relay_end", tests, relaying_make_contexts, relaying_free_contexts);
}
