/* SPDX-License-Identifier: GPL-2.0-or-later */
/* More operations than the ring has entries, and kernels that have no ring for us. */
#include "turns.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SOCKETS = 64, /* so many that what is meant for one always fits into it */
};

struct one {
	struct waited w;
	char byte;
};

struct crowd {
	struct turns turns;
	int fds[SOCKETS][2];
	struct one *ones;
	unsigned count;
};

static void crowd_open(struct crowd *c, unsigned count)
{
	turns_open(&c->turns);
	for (unsigned i = 0; i < SOCKETS; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, c->fds[i]), 0);
	c->ones = calloc(count, sizeof(*c->ones));
	assert_non_null(c->ones);
	c->count = count;
}

static void crowd_close(struct crowd *c)
{
	turns_close(&c->turns);
	for (unsigned i = 0; i < SOCKETS; i++) {
		close(c->fds[i][0]);
		close(c->fds[i][1]);
	}
	free(c->ones);
}

static void start_all(struct crowd *c)
{
	for (unsigned i = 0; i < c->count; i++)
		assert_int_equal(uring_recv(c->turns.loop, waited_op(&c->ones[i].w), c->fds[i % SOCKETS][0],
					 &c->ones[i].byte, 1),
			0);
}

static unsigned completed(const struct crowd *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->count; i++)
		n += c->ones[i].w.times;
	return n;
}

static int all_completed(void *arg)
{
	struct crowd *c = arg;

	return completed(c) >= c->count;
}

static void feed_all(struct crowd *c)
{
	for (unsigned i = 0; i < c->count; i++)
		assert_int_equal(send(c->fds[i % SOCKETS][1], "x", 1, MSG_DONTWAIT), 1);
}

static void check_all(struct crowd *c, int res)
{
	turns_until(&c->turns, all_completed, c);
	for (unsigned i = 0; i < c->count; i++) {
		assert_int_equal(c->ones[i].w.times, 1);
		assert_int_equal(c->ones[i].w.res, res);
		assert_int_equal(c->ones[i].byte, res > 0 ? 'x' : 0);
	}
}

/* More in flight than the ring has entries for submission, then for completion too. */
static void test_many(void **state)
{
	static const unsigned counts[] = {1500, 3000, 6000};

	(void)state;
	for (unsigned i = 0; i < COUNT(counts); i++) {
		struct crowd c;

		crowd_open(&c, counts[i]);
		start_all(&c);
		feed_all(&c);
		check_all(&c, 1);
		crowd_close(&c);
	}
}

/* The same when all of them had to wait first. */
static void test_many_waiting(void **state)
{
	struct crowd c;

	(void)state;
	crowd_open(&c, 1500);
	start_all(&c);
	for (int i = 0; i < 3; i++)
		assert_int_equal(uring_turn(c.turns.loop), 0);
	assert_int_equal(completed(&c), 0);
	feed_all(&c);
	check_all(&c, 1);
	crowd_close(&c);
}

static void test_many_cancelled(void **state)
{
	struct crowd c;

	(void)state;
	crowd_open(&c, 1500);
	start_all(&c);
	for (unsigned i = 0; i < c.count; i++)
		assert_int_equal(uring_cancel(c.turns.loop, &c.ones[i].w.op), 0);
	check_all(&c, -ECANCELED);
	crowd_close(&c);
}

/* What completes together is not run in one go: what was started meanwhile gets its turn. */
static void test_turn_is_bounded(void **state)
{
	struct crowd c;
	unsigned before = 0, turns = 0;

	(void)state;
	crowd_open(&c, 1500);
	start_all(&c);
	feed_all(&c);
	while (before < c.count) {
		unsigned now;

		assert_int_equal(uring_turn(c.turns.loop), 0);
		now = completed(&c);
		assert_true(now - before <= 256);
		before = now;
		assert_true(++turns < 100000);
	}
	crowd_close(&c);
}

/* Ending a loop with operations under way hurts nobody. */
static void test_freed_with_operations(void **state)
{
	unsigned before = count_descriptors();
	struct crowd c;

	(void)state;
	crowd_open(&c, 1500);
	start_all(&c);
	assert_int_equal(uring_turn(c.turns.loop), 0);
	crowd_close(&c);
	assert_int_equal(count_descriptors(), before);
	uring_loop_free(NULL);
}

/* Lets a system call of this process fail. Returns 0 or -1 where the kernel has no such filters. */
static int forbid(long number, int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = COUNT(code), .filter = code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

enum {
	AS_EXPECTED = 0,
	NOT_AS_EXPECTED = 1,
	NO_FILTERS = 77,
};

static int try_without(long number, int error, int want, const char *phrase)
{
	struct uring_loop *loop = NULL;
	unsigned before = count_descriptors();
	const char *why = NULL;

	if (forbid(number, error))
		return NO_FILTERS;
	return uring_loop_new(&loop, &why) == want && !loop && why && strstr(why, phrase) &&
			       count_descriptors() == before
		       ? AS_EXPECTED
		       : NOT_AS_EXPECTED;
}

static void test_no_ring(void **state)
{
	static const struct {
		long number;
		int error, want;
		const char *phrase;
	} kernels[] = {
		{SYS_io_uring_setup, ENOSYS, -ENOSYS, "not allowed"},
		{SYS_io_uring_setup, EPERM, -EPERM, "not allowed"},
		{SYS_io_uring_setup, ENOMEM, -ENOMEM, "locked memory"},
		{SYS_io_uring_setup, EMFILE, -EMFILE, "open files"},
		{SYS_io_uring_register, EINVAL, -EOPNOTSUPP, "too old"}, /* cannot even be asked */
		{SYS_io_uring_register, ENOSYS, -ENOSYS, "not allowed"},
		{SYS_io_uring_register, EPERM, -EPERM, "not allowed"},
		{SYS_io_uring_enter, ENOSYS, -ENOSYS, "not allowed"},
		{SYS_io_uring_enter, EPERM, -EPERM, "not allowed"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(kernels); i++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (!pid)
			_exit(try_without(
				kernels[i].number, kernels[i].error, kernels[i].want, kernels[i].phrase));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == NO_FILTERS)
			skip();
		assert_int_equal(WEXITSTATUS(status), AS_EXPECTED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_many_waiting),
		cmocka_unit_test(test_many_cancelled),
		cmocka_unit_test(test_turn_is_bounded),
		cmocka_unit_test(test_freed_with_operations),
		cmocka_unit_test(test_no_ring),
	};

	return cmocka_run_group_tests_name("loop_limits", tests, NULL, NULL);
}
