/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages with descriptors from end to end: the queue of the sender, and the taking. */
#include "turns.h"

#include "ktls/sys.h"
#include "uring/pass_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MANY = 600,
};

struct item {
	struct uring_passing passing; /* the first member */
	int number;
	int rc;
	int done; /* times */
};

static struct turns turns;
static struct uring_pass_queue queue;
static int channel[2];
static struct item items[MANY];
static int order[MANY], done_count; /* numbers of items as their done() came */
static unsigned descriptors;

static void done(struct uring_passing *p, int rc)
{
	struct item *i = (struct item *)p;

	i->rc = rc;
	i->done++;
	assert_true(done_count < MANY);
	order[done_count++] = i->number;
	memset(p, 0xff, sizeof(*p)); /* as if it were freed */
}

static void pass(int number, int fd)
{
	struct item *i = &items[number];

	*i = (struct item){.number = number, .rc = 1};
	i->passing =
		(struct uring_passing){.data = &i->number, .len = sizeof(i->number), .fd = fd, .done = done};
	uring_pass(&queue, &i->passing);
}

static int set_up(void **state)
{
	int small = 4096;

	(void)state;
	descriptors = count_descriptors();
	turns_open(&turns);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel))
		return -1;
	setsockopt(channel[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	uring_pass_queue_init(&queue, turns.loop, channel[0]);
	done_count = 0;
	memset(items, 0, sizeof(items));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ktls_sys.sendmsg = sendmsg;
	ktls_sys.recvmsg = recvmsg;
	turns_close(&turns);
	close(channel[0]);
	close(channel[1]);
	/* Whatever was passed, taken, refused or lost: nothing stays open. */
	return count_descriptors() == descriptors ? 0 : -1;
}

static int take_number(int *fd)
{
	int number = -1;

	assert_int_equal(uring_take_fd(channel[1], &number, sizeof(number), fd), sizeof(number));
	return number;
}

static void assert_none_left(void)
{
	int number, fd = 0;

	assert_int_equal(uring_take_fd(channel[1], &number, sizeof(number), &fd), -EAGAIN);
	assert_int_equal(fd, -1);
}

/* Where there is room it goes at once, and the caller's descriptor stays the caller's. */
static void test_at_once(void **state)
{
	int pipe_ends[2], fd;
	char byte;

	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);
	pass(7, pipe_ends[1]);
	assert_int_equal(items[7].done, 1);
	assert_int_equal(items[7].rc, 0);
	assert_int_equal(queue.count, 0);
	close(pipe_ends[1]);
	assert_int_equal(take_number(&fd), 7);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
	/* No copy is left behind. */
	assert_int_equal(read(pipe_ends[0], &byte, 1), 0);
	close(pipe_ends[0]);
	assert_none_left();
}

struct taking {
	int next;
};

static int took_all(void *arg)
{
	struct taking *t = arg;
	int number, fd;

	if (uring_take_fd(channel[1], &number, sizeof(number), &fd) == -EAGAIN)
		return t->next == MANY && done_count == MANY;
	assert_int_equal(number, t->next++);
	assert_true(fd >= 0);
	close(fd);
	return 0;
}

/* More than the channel holds: the rest waits, and goes in order when there is room. */
static void test_full(void **state)
{
	struct taking t = {0};
	int went;

	(void)state;
	for (int i = 0; i < MANY; i++)
		pass(i, channel[0]);
	went = done_count;
	assert_true(went > 0 && went < MANY);
	assert_int_equal(queue.count, MANY - went);
	turns_until(&turns, took_all, &t);
	assert_int_equal(queue.count, 0);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(order[i], i);
		assert_int_equal(items[i].rc, 0);
		assert_int_equal(items[i].done, 1);
	}
	assert_none_left();
}

static int calls, failures, failing_errno;

static ssize_t failing_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	calls++;
	if (calls > failures)
		return sendmsg(fd, msg, flags);
	errno = failing_errno;
	return -1;
}

static void fail_sending(int times, int error)
{
	calls = 0;
	failures = times;
	failing_errno = error;
	ktls_sys.sendmsg = failing_sendmsg;
}

static int done_reached(void *arg)
{
	return done_count >= *(int *)arg;
}

/* Too many descriptors under way: tried again later, not in a circle, and who comes later goes later. */
static void check_retry(int error)
{
	int wanted = 3, fd;

	done_count = 0;
	fail_sending(4, error);
	for (int i = 0; i < wanted; i++)
		pass(i, channel[0]);
	assert_int_equal(done_count, 0);
	assert_int_equal(calls, 1); /* the ones behind it wait for the same time */
	turns_until(&turns, done_reached, &wanted);
	assert_int_equal(calls, 4 + 3);
	for (int i = 0; i < wanted; i++) {
		assert_int_equal(order[i], i);
		assert_int_equal(items[i].rc, 0);
		assert_int_equal(take_number(&fd), i);
		close(fd);
	}
	assert_none_left();
}

static void test_retry(void **state)
{
	(void)state;
	check_retry(EAGAIN);
	check_retry(ETOOMANYREFS);
}

/* An error ends one message; those behind it have their own luck. */
static void test_error_of_one(void **state)
{
	int fd;

	(void)state;
	fail_sending(1, ENOBUFS);
	pass(0, channel[0]);
	pass(1, channel[0]);
	pass(2, -1);
	pass(3, channel[0]);
	assert_int_equal(done_count, 4);
	assert_int_equal(items[0].rc, -ENOBUFS);
	assert_int_equal(items[1].rc, 0);
	assert_int_equal(items[2].rc, -EBADF);
	assert_int_equal(items[3].rc, 0);
	assert_int_equal(take_number(&fd), 1);
	close(fd);
	assert_int_equal(take_number(&fd), 3);
	close(fd);
	assert_none_left();
}

/* All that wait are told. */
static void test_receiver_gone(void **state)
{
	int wanted = MANY, went;

	(void)state;
	for (int i = 0; i < MANY; i++)
		pass(i, channel[0]);
	went = done_count;
	assert_true(went > 0 && went < MANY);
	close(channel[1]);
	channel[1] = -1;
	turns_until(&turns, done_reached, &wanted);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(items[i].done, 1);
		/* The kernel says first that the other side had not read everything. */
		if (i != went || items[i].rc != -ECONNRESET)
			assert_int_equal(items[i].rc, i < went ? 0 : -EPIPE);
	}
}

static struct item nested;

/* Done with one, it passes another. */
static void done_and_on(struct uring_passing *p, int rc)
{
	(void)p;
	assert_int_equal(rc, 0);
	nested = (struct item){.number = 99};
	nested.passing = (struct uring_passing){
		.data = &nested.number, .len = sizeof(nested.number), .fd = channel[0], .done = done};
	uring_pass(&queue, &nested.passing);
}

static void test_pass_from_done(void **state)
{
	struct item first = {.number = 98};
	int fd;

	(void)state;
	first.passing = (struct uring_passing){
		.data = &first.number, .len = sizeof(first.number), .fd = channel[0], .done = done_and_on};
	uring_pass(&queue, &first.passing);
	assert_int_equal(done_count, 1);
	assert_int_equal(queue.count, 0);
	assert_int_equal(take_number(&fd), 98);
	close(fd);
	assert_int_equal(take_number(&fd), 99);
	close(fd);
}

/* A message that is too long is lost alone, with its descriptor. */
static void test_too_long(void **state)
{
	char long_one[64] = "long", small[8];
	int pipe_ends[2], fd = 0;
	char byte;

	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);
	assert_int_equal(uring_pass_fd(channel[0], long_one, sizeof(small) + 1, pipe_ends[1]), 0);
	assert_int_equal(uring_pass_fd(channel[0], "exactly", sizeof(small), pipe_ends[1]), 0);
	close(pipe_ends[1]);
	assert_int_equal(uring_take_fd(channel[1], small, sizeof(small), &fd), -EMSGSIZE);
	assert_int_equal(fd, -1);
	assert_int_equal(uring_take_fd(channel[1], small, sizeof(small), &fd), sizeof(small));
	assert_string_equal(small, "exactly");
	close(fd);
	/* Nobody holds the other end. */
	assert_int_equal(read(pipe_ends[0], &byte, 1), 0);
	close(pipe_ends[0]);
	/* The same without a descriptor. */
	assert_int_equal(send(channel[0], long_one, sizeof(long_one), 0), sizeof(long_one));
	assert_int_equal(uring_take_fd(channel[1], small, sizeof(small), &fd), -EMSGSIZE);
	assert_int_equal(fd, -1);
	assert_none_left();
}

static void test_without_descriptor(void **state)
{
	int fd = 0, number = 5;

	(void)state;
	assert_int_equal(send(channel[0], &number, sizeof(number), 0), sizeof(number));
	number = 0;
	assert_int_equal(take_number(&fd), 5);
	assert_int_equal(fd, -1);
}

/* What was sent before the end is still there; then it is 0, again and again. */
static void test_end(void **state)
{
	int fd, number;

	(void)state;
	pass(1, channel[1]);
	close(channel[0]);
	channel[0] = -1;
	assert_int_equal(take_number(&fd), 1);
	close(fd);
	for (int i = 0; i < 2; i++) {
		fd = 0;
		assert_int_equal(uring_take_fd(channel[1], &number, sizeof(number), &fd), 0);
		assert_int_equal(fd, -1);
	}
}

static void test_no_descriptor_free(void **state)
{
	struct rlimit old, low;
	int fd = 0, number = 0;
	ssize_t n;

	(void)state;
	pass(1, channel[0]);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){.rlim_cur = 3, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	n = uring_take_fd(channel[1], &number, sizeof(number), &fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	/* The bytes come without it. */
	assert_int_equal(n, sizeof(number));
	assert_int_equal(number, 1);
	assert_int_equal(fd, URING_FD_LOST);
}

static int interruptions;

static ssize_t interrupted_recvmsg(int fd, struct msghdr *msg, int flags)
{
	assert_int_equal(flags & (MSG_DONTWAIT | MSG_CMSG_CLOEXEC), MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (!interruptions--)
		return recvmsg(fd, msg, flags);
	errno = EINTR;
	return -1;
}

static void test_errors_of_taking(void **state)
{
	int fd = 0, number;

	(void)state;
	pass(3, channel[0]);
	interruptions = 3;
	ktls_sys.recvmsg = interrupted_recvmsg;
	assert_int_equal(take_number(&fd), 3);
	close(fd);
	ktls_sys.recvmsg = recvmsg;
	fd = 0;
	assert_int_equal(uring_take_fd(-1, &number, sizeof(number), &fd), -EBADF);
	assert_int_equal(fd, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_at_once),
		TEST(test_full),
		TEST(test_retry),
		TEST(test_error_of_one),
		TEST(test_receiver_gone),
		TEST(test_pass_from_done),
		TEST(test_too_long),
		TEST(test_without_descriptor),
		TEST(test_end),
		TEST(test_no_descriptor_free),
		TEST(test_errors_of_taking),
	};

	return cmocka_run_group_tests_name("pass_queue", tests, NULL, NULL);
}
