/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Relayed connections to which anything happens. */
#include "relaying.h"

#include "ktls/sys.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

enum {
	PATIENT = 3600, /* seconds: only where it is 1 may something end by its time */
	MUCH = 60000,   /* bytes that still fit into the buffers of sockets and pair */
};

static struct relaying s;
static uint8_t much[MUCH];

static int fails_to, fails_with, fails_at_recv;

static ssize_t failing_send(int fd, const void *buf, size_t len, int flags)
{
	errno = fails_with;
	return !fails_at_recv && fd == fails_to ? -1 : send(fd, buf, len, flags);
}

static ssize_t failing_recv(int fd, void *buf, size_t len, int flags)
{
	errno = fails_with;
	return fails_at_recv && fd == fails_to ? -1 : recv(fd, buf, len, flags);
}

/* Both ends learn of whatever the kernel says. */
static void test_errors_of_the_kernel(void **state)
{
	static const struct {
		int tls, receiving, error;
		const char *reason;
	} cases[] = {
		{1, 1, ETIMEDOUT,
			"receiving failed: the peer neither answered nor took anything for too long"},
		{1, 1, ENOMEM, "receiving failed: memory is used up"},
		{1, 0, ETIMEDOUT, "sending failed: the peer neither answered nor took anything for too long"},
		{1, 0, EHOSTUNREACH, "sending failed: the peer's host cannot be reached"},
		{0, 1, ENOMEM, "the server cannot be reached: memory is used up"},
		{0, 0, ENOBUFS, "the server cannot be reached: memory is used up"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct talk *t = relaying_begin(&s, PATIENT, 0),
			    *other = relaying_connect(&s, contexts.client);
		char byte;

		fails_to = cases[i].tls ? t->relay_fd : t->relay_plain;
		fails_with = cases[i].error;
		fails_at_recv = cases[i].receiving;
		ktls_sys.send = failing_send;
		ktls_sys.recv = failing_recv;
		talk_say(t, "up", 2);
		talk_pass(t);
		talk_server_say(t, "down", 4);
		relaying_expect_end(&s, t, cases[i].reason);
		ktls_sys.send = send;
		ktls_sys.recv = recv;
		while (talk_server_hear(t, &byte, 1) > 0)
			;
		talk_server_expect_end(&s, t);
		talk_exchange(&s, other, 100, 100);
		relaying_close(&s);
	}
}

/* The connection's last writes fail because the client is gone, yet it had said goodbye. */
static void test_goodbye_behind_a_failure(void **state)
{
	static const char *const reasons[] = {NULL, "sending failed: the peer has closed the connection"};

	(void)state;
	for (unsigned i = 0; i < COUNT(reasons); i++) {
		struct talk *t = relaying_begin(&s, PATIENT, 0);

		fails_to = t->relay_fd;
		fails_with = EPIPE;
		fails_at_recv = 0;
		ktls_sys.send = failing_send;
		talk_server_say(t, "down", 4);
		relaying_go_on(&s);
		assert_int_equal(t->ended, 0);
		talk_say(t, "up", 2);
		if (i == 0)
			talk_say_goodbye(&s, t);
		talk_pass_all(&s, t);
		talk_server_expect(&s, t, "up", 2);
		talk_close_client(t);
		relaying_expect_end(&s, t, reasons[i]);
		talk_server_expect_end(&s, t);
		ktls_sys.send = send;
		relaying_close(&s);
	}
}

static void do_anything(struct talk *t, uint32_t what)
{
	size_t n = what >> 8 & 0x7fff;
	char got[5000];

	switch (what % 16) {
	case 0:
		talk_close_server(t);
		break;
	case 1:
		talk_close_client(t);
		break;
	case 2:
		if (t->client >= 0)
			talk_reset_client(t);
		break;
	case 3:
		SSL_shutdown(t->tls.client);
		break;
	case 4:
		shutdown(t->server, SHUT_WR);
		break;
	case 5:
		shutdown(t->client, SHUT_WR);
		break;
	case 6:
		send(t->client, much, n % 100, MSG_DONTWAIT | MSG_NOSIGNAL); /* nonsense */
		break;
	case 7:
	case 8:
	case 9:
		SSL_write(t->tls.client, much, (int)n + 1);
		break;
	case 10:
	case 11:
	case 12:
		send(t->server, much, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 13:
		recv(t->server, got, sizeof(got), MSG_DONTWAIT);
		break;
	default:
		talk_hear(t, got, sizeof(got));
	}
	ERR_clear_error();
	talk_pass(t);
}

static int all_ended(void *arg)
{
	return !uring_relay_connections(((struct relaying *)arg)->relay);
}

/* Whatever happens when, each connection ends once, and nothing is left of it. */
static void test_anything(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int round = 0; round < 6; round++) {
		relaying_open(&s, round % 2 ? PATIENT : 1);
		for (unsigned i = 0; i < 50; i++) {
			s.sndbuf = s.rcvbuf = next_random(&random) % 3 ? 4096 : 0;
			relaying_connect(&s, contexts.client);
		}
		for (int i = 0; i < 2000; i++) {
			do_anything(s.talks[next_random(&random) % s.count], next_random(&random));
			assert_int_equal(uring_turn(s.turns.loop), 0);
		}
		for (unsigned i = 0; i < s.count; i++)
			talk_close_server(s.talks[i]);
		if (round % 2) /* those that have no end of their own while nobody's time is over */
			for (unsigned i = 0; i < s.count; i++)
				talk_close_client(s.talks[i]);
		relaying_until(&s, all_ended, &s);
		for (unsigned i = 0; i < s.count; i++)
			assert_int_equal(s.talks[i]->ended, 1);
		relaying_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors_of_the_kernel),
		cmocka_unit_test(test_goodbye_behind_a_failure),
		cmocka_unit_test(test_anything),
	};

	fill(much, sizeof(much), 3);
	return cmocka_run_group_tests_name(
		"relay_any", tests, relaying_make_contexts, relaying_free_contexts);
}
