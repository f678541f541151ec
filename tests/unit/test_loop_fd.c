/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A loop inside another event loop: nobody waits in the ring, its descriptor says when there is something to
 * do. */
#include "turns.h"

#include <errno.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	MANY = 100, /* more completions than a turn runs */
	PATIENCE_MS = 40000,
};

static struct uring_loop *loop;
static int fds[2], event;

static int open_loop(void **state)
{
	const char *why;

	(void)state;
	if (uring_loop_new(&loop, &why) || socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return -1;
	event = uring_loop_fd(loop);
	return event < 0 || uring_loop_fd(loop) != event;
}

static int close_loop(void **state)
{
	(void)state;
	uring_loop_free(loop);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* Nothing else ends the poll: no operation is under way but those of the test. */
static void until(const struct waited *w)
{
	struct pollfd ring = {.fd = event, .events = POLLIN};
	int busy, n;

	while ((busy = uring_turn_now(loop)) >= 0 && !w->times) {
		n = busy ? 1 : poll(&ring, 1, PATIENCE_MS);
		assert_true(n == 1 || (n < 0 && errno == EINTR));
	}
	assert_true(busy >= 0);
	assert_int_equal(w->times, 1);
}

static void receive(struct waited *r, int patient, char *buf, size_t len)
{
	waited_op(r)->patient = patient;
	assert_int_equal(uring_recv(loop, &r->op, fds[0], buf, len), 0);
}

static void test_receives(void **state)
{
	struct waited r, s;
	char buf[16];

	(void)state;
	for (int patient = 0; patient < 2; patient++) {
		receive(&r, patient, buf, sizeof(buf));
		assert_int_equal(uring_turn_now(loop), 0);
		assert_int_equal(r.times, 0);
		assert_int_equal(send(fds[1], "hello", 5, 0), 5);
		until(&r);
		assert_int_equal(r.res, 5);
		receive(&r, patient, buf, sizeof(buf));
		assert_int_equal(uring_send(loop, waited_op(&s), fds[1], "again", 5), 0);
		until(&s);
		until(&r);
		assert_int_equal(r.res, 5);
	}
}

static void test_timeout(void **state)
{
	struct __kernel_timespec moment = {.tv_nsec = 20000000};
	struct waited t;

	(void)state;
	assert_int_equal(uring_timeout(loop, waited_op(&t), &moment), 0);
	until(&t);
	assert_int_equal(t.res, -ETIME);
}

/* Something outside happens while the program sleeps. */
static void test_event(void **state)
{
	const struct itimerspec moment = {.it_value.tv_nsec = 20000000};
	struct waited p;
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	(void)state;
	assert_true(timer >= 0);
	for (int patient = 0; patient < 2; patient++) {
		waited_op(&p)->patient = patient;
		assert_int_equal(uring_poll(loop, &p.op, timer, POLLIN), 0);
		assert_int_equal(timerfd_settime(timer, 0, &moment, NULL), 0);
		until(&p);
		assert_int_equal(p.res, POLLIN);
	}
	close(timer);
}

struct chain {
	struct uring_op op;
	struct waited *last;
	char byte;
};

static void next_link(struct uring_op *op, int res)
{
	struct chain *c = (struct chain *)op;

	assert_int_equal(res, 1);
	receive(c->last, 0, &c->byte, 1);
}

/* What done() starts is on its way when the turn returns. */
static void test_chain(void **state)
{
	struct waited last;
	struct chain c = {.op.done = next_link, .last = &last};

	(void)state;
	waited_op(&last);
	assert_int_equal(uring_recv(loop, &c.op, fds[0], &c.byte, 1), 0);
	assert_int_equal(uring_turn_now(loop), 0);
	assert_int_equal(send(fds[1], "ab", 2, 0), 2);
	until(&last);
	assert_int_equal(c.byte, 'b');
}

/* More than a turn runs: it says so, or the descriptor does. */
static void test_many(void **state)
{
	static struct waited all[MANY];
	static char buf[MANY];

	(void)state;
	for (int patient = 0; patient < 2; patient++) {
		for (unsigned i = 0; i < MANY; i++)
			receive(&all[i], patient, &buf[i], 1);
		assert_int_equal(uring_turn_now(loop), 0);
		assert_int_equal(send(fds[1], buf, sizeof(buf), 0), sizeof(buf));
		for (unsigned i = 0; i < MANY; i++)
			if (!all[i].times)
				until(&all[i]);
	}
}

/* A ring for a process that may be taken over registers nothing. */
static void test_restricted(void **state)
{
	const char *why;
	struct uring_loop *restricted;

	(void)state;
	if (!turns_can_restrict())
		skip();
	assert_int_equal(uring_loop_new_restricted(&restricted, &why), 0);
	assert_int_equal(uring_loop_fd(restricted), -EACCES);
	uring_loop_free(restricted);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)
	const struct CMUnitTest tests[] = {TEST(test_receives), TEST(test_timeout), TEST(test_event),
		TEST(test_chain), TEST(test_many), cmocka_unit_test(test_restricted)};

	return cmocka_run_group_tests_name("loop_fd", tests, NULL, NULL);
}
