/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of listeners and of servers, whatever is under way. */
#include "one_client.h"
#include "serving.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct serving s;
static unsigned refusals; /* cancellations that a ring without room will still refuse */
static unsigned refused_timeouts, refused_accepts;

int __real_uring_cancel(struct uring_loop *loop, struct uring_op *op);
int __wrap_uring_cancel(struct uring_loop *loop, struct uring_op *op);
int __real_uring_timeout(struct uring_loop *loop, struct uring_op *op, struct __kernel_timespec *ts);
int __wrap_uring_timeout(struct uring_loop *loop, struct uring_op *op, struct __kernel_timespec *ts);
int __real_uring_accept(
	struct uring_loop *loop, struct uring_op *op, int fd, struct sockaddr *addr, socklen_t *len);
int __wrap_uring_accept(
	struct uring_loop *loop, struct uring_op *op, int fd, struct sockaddr *addr, socklen_t *len);

int __wrap_uring_cancel(struct uring_loop *loop, struct uring_op *op)
{
	if (!refusals)
		return __real_uring_cancel(loop, op);
	refusals--;
	return -EBUSY;
}

/* The test's own always start. */
int __wrap_uring_timeout(struct uring_loop *loop, struct uring_op *op, struct __kernel_timespec *ts)
{
	if (!refused_timeouts || op == &s.turns.tick)
		return __real_uring_timeout(loop, op, ts);
	refused_timeouts--;
	return -EBUSY;
}

int __wrap_uring_accept(
	struct uring_loop *loop, struct uring_op *op, int fd, struct sockaddr *addr, socklen_t *len)
{
	if (!refused_accepts)
		return __real_uring_accept(loop, op, fd, addr, len);
	refused_accepts--;
	return -EBUSY;
}

static int is_unlistened(struct serving *of)
{
	return of->unlistened > 0;
}

/* One that is silent, one with half a hello, one that does not take the answer's end. */
static void call_three(void)
{
	static const size_t budgets[] = {0, 100, SIZE_MAX};

	for (unsigned i = 0; i < COUNT(budgets); i++)
		serving_call(&s, client)->budget = budgets[i];
	s.callers[2].piece = 1;
	s.callers[2].pause_ms = 3600 * 1000;
}

static int three_are_under_way(struct serving *of)
{
	return uring_server_handshakes(of->server) == 3;
}

static void test_end(void **state)
{
	(void)state;
	for (refusals = 0; refusals < 20; refusals += 9) {
		unsigned full = refusals;

		refusals = 0;
		serving_open(&s, server, 100, 3600);
		call_three();
		serving_until(&s, three_are_under_way);
		refusals = full;
		uring_server_end(s.server);
		serving_until_ended(&s);
		assert_int_equal(refusals, 0);
		assert_int_equal(s.failed, 3);
		assert_string_equal(s.reason, "the server ends");
		assert_int_equal(s.established, 0);
		assert_int_equal(s.unlistened, 0);
		for (unsigned i = 0; i < 3; i++)
			serving_until_closed(&s, &s.callers[i]);
		refusals = full;
		serving_close(&s);
	}
	refusals = 0;
}

/* Nobody comes who would wake it, and the ring has no room for anything that could. */
static void test_end_in_a_full_ring(void **state)
{
	(void)state;
	serving_open(&s, server, 100, 3600);
	refusals = 1;
	refused_timeouts = 3;
	uring_server_end(s.server);
	serving_until_ended(&s);
	assert_int_equal(refusals + refused_timeouts, 0);
	serving_close(&s);
}

static void test_begin_in_a_full_ring(void **state)
{
	(void)state;
	refused_accepts = refused_timeouts = 2;
	serving_open(&s, server, 100, 3600);
	serving_call(&s, client);
	serving_expect(&s, 1, 0);
	assert_int_equal(refused_accepts + refused_timeouts, 0);
	serving_close(&s);
}

/* Connections that were handed over are not the server's any more. */
static void test_end_spares_the_established(void **state)
{
	struct caller *c;

	(void)state;
	serving_open(&s, server, 100, 3600);
	c = serving_call(&s, client);
	serving_expect(&s, 1, 0);
	uring_server_end(s.server);
	serving_until_ended(&s);
	serving_talk(&s, c);
	serving_close(&s);
}

/* Nothing at all is under way, not even an accept. */
static void test_end_of_paused(void **state)
{
	(void)state;
	serving_open(&s, server, 100, 3600);
	uring_server_pause(s.server, 1);
	serving_go_on(&s);
	assert_true(uring_server_is_quiet(s.server));
	uring_server_end(s.server);
	serving_until_ended(&s);
	serving_close(&s);
}

static int server_has_ended(struct serving *of)
{
	return of->ended > 0;
}

static void test_end_in_callbacks(void **state)
{
	(void)state;
	for (int late = 0; late < 2; late++) {
		serving_open(&s, server, 100, 3600);
		s.end_in_admit = !late;
		s.end_in_established = late;
		serving_call(&s, client);
		serving_until(&s, server_has_ended);
		assert_int_equal(s.failed, !late);
		assert_int_equal(s.established, late);
		serving_close(&s);
	}
}

/* A listener ends, the other goes on; and so do handshakes of both. */
static void test_unlisten(void **state)
{
	struct sockaddr_in other;
	int fd = listen_on_loopback(&other);
	struct caller *c;

	(void)state;
	for (unsigned full = 0; full < 2; full++) {
		serving_open(&s, server, 100, 3600);
		assert_int_equal(uring_server_unlisten(s.server, fd), -ENOENT);
		assert_int_equal(uring_server_listen(s.server, fd, &s), 0);
		c = serving_call(&s, client);
		c->budget = 100;
		serving_go_on(&s);
		refusals = full;
		assert_int_equal(uring_server_unlisten(s.server, s.listener), 0);
		assert_int_equal(uring_server_unlisten(s.server, s.listener), -ENOENT);
		serving_until(&s, is_unlistened);
		assert_int_equal(refusals, 0);
		assert_true(uring_server_is_accepting(s.server));
		c->budget = SIZE_MAX;
		serving_expect(&s, 1, 0);
		serving_talk(&s, c);
		/* Nobody takes it there. */
		close(connect_to(&s.at));
		serving_go_on(&s);
		assert_int_equal(s.asked, 1);
		s.at = other;
		serving_call(&s, client);
		serving_expect(&s, 2, 0);
		assert_int_equal(s.unlistened, 1);
		serving_close(&s);
	}
	close(fd);
}

static void test_unlisten_paused(void **state)
{
	(void)state;
	serving_open(&s, server, 100, 3600);
	uring_server_pause(s.server, 1);
	serving_go_on(&s);
	assert_int_equal(uring_server_unlisten(s.server, s.listener), 0);
	assert_int_equal(s.unlistened, 1);
	uring_server_pause(s.server, 0);
	assert_false(uring_server_is_accepting(s.server));
	serving_close(&s);
}

static int is_in_trouble(struct serving *of)
{
	return of->troubles > 0;
}

/* A listener that ended by itself is none any more. */
static void test_bad_listener(void **state)
{
	int pair[2];

	(void)state;
	serving_open(&s, server, 100, 3600);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(uring_server_listen(s.server, pair[0], &s), 0);
	serving_until(&s, is_in_trouble);
	assert_int_equal(s.for_good, 1);
	assert_int_equal(uring_server_unlisten(s.server, pair[0]), -ENOENT);
	uring_server_pause(s.server, 1);
	serving_go_on(&s);
	assert_true(uring_server_is_quiet(s.server));
	close(pair[0]);
	close(pair[1]);
	serving_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_end_in_a_full_ring),
		cmocka_unit_test(test_begin_in_a_full_ring),
		cmocka_unit_test(test_end_spares_the_established),
		cmocka_unit_test(test_end_of_paused),
		cmocka_unit_test(test_end_in_callbacks),
		cmocka_unit_test(test_unlisten),
		cmocka_unit_test(test_unlisten_paused),
		cmocka_unit_test(test_bad_listener),
	};

	return cmocka_run_group_tests_name("server_end", tests, one_client_prepare, one_client_clean_up);
}
