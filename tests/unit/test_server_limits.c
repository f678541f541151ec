/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's limits: when nobody can be sent away, when it pauses, and when no descriptor is left. */
#include "clock.h"
#include "one_client.h"
#include "serving.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	PATIENT = 3600, /* seconds: no handshake of this file may end by its time */
	RETRY_MS = 100, /* the server's rest */
	CROWD = 8,      /* more than the few of one host that are no crowd */
};

static struct serving s;

static unsigned accepts;
static int holds_accepts; /* until the test answers them itself */
static struct uring_op *held;
int __real_uring_accept(
	struct uring_loop *loop, struct uring_op *op, int fd, struct sockaddr *addr, socklen_t *len);
int __wrap_uring_accept(
	struct uring_loop *loop, struct uring_op *op, int fd, struct sockaddr *addr, socklen_t *len);

/* Counts how often the server tries, and may keep the kernel out of it. */
int __wrap_uring_accept(
	struct uring_loop *loop, struct uring_op *op, int fd, struct sockaddr *addr, socklen_t *len)
{
	accepts++;
	if (holds_accepts) {
		held = op;
		return 0;
	}
	return __real_uring_accept(loop, op, fd, addr, len);
}

static struct caller *call_silent(const char *from)
{
	struct caller *c = serving_call_from(&s, client, from);

	c->budget = 0;
	return c;
}

/* Closed before it was read, and told with its reason. */
static void check_refused(struct caller *c, unsigned times)
{
	serving_until_closed(&s, c);
	assert_int_equal(s.refused, times);
	assert_int_equal(s.peer.transport_remote.in.sin_port, c->port);
	assert_int_equal(BIO_pending(SSL_get_rbio(c->ssl)), 0);
}

static struct caller *call_through_proxy(const char *header)
{
	struct caller *c = serving_call(&s, client);

	caller_says(c, header, strlen(header));
	return c;
}

/* The house is full and all have just come: who comes then is turned away instead of waiting, header or not.
 */
static void check_full(int proxy_header)
{
	struct uring_server_config limits = {.max_handshakes = 2,
		.refuse_when_full = 1,
		.handshake_timeout = PATIENT,
		.proxy_header = proxy_header};
	struct caller *silent[2];

	clock_stop();
	serving_open_with(&s, server, &limits);
	for (int i = 0; i < 2; i++)
		silent[i] = call_silent("127.0.0.1");
	serving_go_on(&s);
	for (unsigned i = 0; i < 3; i++)
		check_refused(serving_call(&s, client), i + 1);
	assert_int_equal(s.asked, proxy_header ? 0 : 2);
	caller_hang_up(silent[0]);
	serving_expect(&s, 0, 1);
	if (proxy_header)
		call_through_proxy("PROXY UNKNOWN\r\n");
	else
		serving_call(&s, client);
	serving_expect(&s, 1, 1);
	caller_hang_up(silent[1]);
	serving_expect(&s, 1, 2);
	assert_int_equal(s.refused, 3);
	assert_int_equal(s.all_evicted, 0);
	clock_go();
	serving_close(&s);
}

static void test_refuse_when_full(void **state)
{
	(void)state;
	check_full(0);
	check_full(1);
}

/*
 * A crowd has all places for handshakes that have just gone on. Who comes from elsewhere has one of them, but
 * not before everything else lets it in.
 */
static void test_refuse_before_making_way(void **state)
{
	static const struct uring_server_config limits = {
		.max_handshakes = CROWD, .refuse_when_full = 1, .handshake_timeout = PATIENT};
	struct caller *crowd[CROWD];

	(void)state;
	clock_stop();
	serving_open_with(&s, server, &limits);
	for (int i = 0; i < CROWD; i++) {
		struct caller *c = serving_call_from(&s, client, "127.0.0.2");

		SSL_do_handshake(c->ssl);
		c->budget = c->piece = (size_t)BIO_pending(SSL_get_wbio(c->ssl));
		crowd[i] = c;
		serving_go_on(&s);
	}
	s.refuse = 1;
	serving_until_closed(&s, serving_call_from(&s, client, "127.0.0.3"));
	serving_go_on(&s);
	assert_int_equal(s.all_evicted, 0);
	s.refuse = 0;
	serving_call_from(&s, client, "127.0.0.3");
	serving_expect(&s, 1, 0);
	assert_int_equal(s.all_evicted, 1);
	for (int i = 1; i < CROWD; i++) /* the oldest has made way */
		caller_hang_up(crowd[i]);
	serving_expect(&s, 1, CROWD - 1);
	clock_go();
	serving_close(&s);
}

/* Without refusing they wait; those that only wait for a PROXY header fill the house, too. */
static void test_wait_when_full(void **state)
{
	static const struct uring_server_config limits = {
		.max_handshakes = 2, .handshake_timeout = PATIENT, .proxy_header = 1};
	struct caller *silent[2];

	(void)state;
	clock_stop();
	serving_open_with(&s, server, &limits);
	for (int i = 0; i < 2; i++)
		silent[i] = call_silent("127.0.0.1");
	call_through_proxy("PROXY UNKNOWN\r\n");
	for (int i = 0; i < 4; i++)
		serving_go_on(&s);
	assert_int_equal(s.asked, 0);
	caller_hang_up(silent[0]);
	serving_expect(&s, 1, 1);
	caller_hang_up(silent[1]);
	serving_expect(&s, 1, 2);
	assert_int_equal(s.refused, 0);
	assert_int_equal(s.all_evicted, 0);
	clock_go();
	serving_close(&s);
}

/* Nobody is let in while it pauses, handshakes under way go on, and afterwards all are served. */
static void test_pause(void **state)
{
	struct caller *c;

	(void)state;
	serving_open(&s, server, 10, PATIENT);
	c = call_silent("127.0.0.1");
	serving_go_on(&s);
	assert_int_equal(s.asked, 1);
	for (unsigned round = 1; round < 4; round++) {
		uring_server_pause(s.server, 1);
		uring_server_pause(s.server, 1);
		serving_go_on(&s); /* the accept under way is cancelled */
		serving_call(&s, client);
		serving_call(&s, client);
		for (int i = 0; i < 4; i++)
			serving_go_on(&s);
		assert_int_equal(s.asked, 2 * round - 1);
		if (round == 1) {
			c->budget = SIZE_MAX;
			serving_expect(&s, 1, 0);
			serving_talk(&s, c);
		}
		uring_server_pause(s.server, 0);
		uring_server_pause(s.server, 0);
		serving_expect(&s, 1 + 2 * round, 0);
	}
	/* So short that its accept goes on, or is cancelled behind its end. */
	uring_server_pause(s.server, 1);
	uring_server_pause(s.server, 0);
	serving_call(&s, client);
	serving_expect(&s, 8, 0);
	serving_close(&s);
}

static int asked_thrice(struct serving *serving)
{
	return serving->asked == 3;
}

/* The caller's own limit is reached with the third: the fourth waits, although all came together. */
static void test_pause_when_asked(void **state)
{
	(void)state;
	serving_open(&s, server, 10, PATIENT);
	s.pause_after = 3;
	for (int i = 0; i < 6; i++)
		serving_call(&s, client);
	serving_until(&s, asked_thrice);
	serving_expect(&s, 3, 0);
	assert_int_equal(s.asked, 3);
	uring_server_pause(s.server, 0);
	serving_expect(&s, 6, 0);
	serving_close(&s);
}

static unsigned accepts_wanted;

static int tried_so_often(struct serving *serving)
{
	(void)serving;
	return accepts >= accepts_wanted;
}

/* One shortage: tried again with a rest each time, told once, and over when a connection is accepted. */
static void check_shortage(unsigned nth)
{
	enum {
		TRIES = 7
	};
	int fds[256], count;
	struct caller *c = serving_call(&s, client);
	int64_t start;

	count = serving_use_up(&s, fds, COUNT(fds));
	start = ktls_clock_ms();
	accepts_wanted = accepts + TRIES;
	serving_until(&s, tried_so_often);
	/* The first may follow at once; each further one rests before, and both times were rounded down. */
	assert_true(ktls_clock_ms() - start + 1 >= (TRIES - 1) * RETRY_MS);
	assert_int_equal(s.troubles, nth);
	assert_int_equal(s.error, -EMFILE);
	assert_int_equal(s.for_good, 0);
	assert_int_equal(s.asked, nth - 1);
	while (count)
		close(fds[--count]);
	serving_expect(&s, nth, 0);
	assert_int_equal(s.troubles, nth);
	serving_talk(&s, c);
}

static void test_no_descriptors(void **state)
{
	struct rlimit before, low;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = 128;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	serving_open(&s, server, 10, PATIENT);
	for (unsigned nth = 1; nth <= 2; nth++)
		check_shortage(nth);
	serving_close(&s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static int has_accept(struct serving *serving)
{
	(void)serving;
	return held != NULL;
}

static void answer_again(void)
{
	struct uring_op *op;

	serving_until(&s, has_accept);
	op = held;
	held = NULL;
	op->done(op, -EAGAIN);
}

/*
 * Whoever else has the listener may have put it into non-blocking mode. Older kernels then answer at once,
 * and the server must not spin.
 */
static void test_listener_that_does_not_wait(void **state)
{
	enum {
		TRIES = 5
	};
	int64_t start;

	(void)state;
	serving_open(&s, server, 10, PATIENT);
	assert_int_equal(fcntl(s.listener, F_SETFL, O_NONBLOCK), 0);
	holds_accepts = 1;
	serving_call(&s, client);
	serving_expect(&s, 1, 0);
	start = ktls_clock_ms();
	for (int i = 0; i < TRIES; i++)
		answer_again();
	assert_true(ktls_clock_ms() - start + 1 >= (TRIES - 1) * RETRY_MS); /* both were rounded down */
	holds_accepts = 0;
	serving_call(&s, client);
	serving_expect(&s, 2, 0);
	assert_int_equal(s.troubles, 0);
	serving_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuse_when_full),
		cmocka_unit_test(test_refuse_before_making_way),
		cmocka_unit_test(test_wait_when_full),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_pause_when_asked),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_listener_that_does_not_wait),
	};

	return cmocka_run_group_tests_name("server_limits", tests, one_client_prepare, one_client_clean_up);
}
