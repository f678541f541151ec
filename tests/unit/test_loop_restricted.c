/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a restricted loop's ring refuses to whoever has taken over its process. */
#include "turns.h"

#include "uring/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct uring_loop *loop;
static struct io_uring *ring; /* the loop's first member */

static int open_loop(void **state)
{
	const char *why;

	(void)state;
	if (uring_loop_new_restricted(&loop, &why))
		fail_msg("no loop: %s", why);
	ring = (struct io_uring *)loop;
	return 0;
}

static int close_loop(void **state)
{
	(void)state;
	uring_loop_free(loop);
	return 0;
}

/* Submits what was prepared and returns its result. */
static int result(void)
{
	struct io_uring_cqe *cqe;
	int res;

	assert_true(io_uring_submit_and_wait(ring, 1) >= 0);
	assert_int_equal(io_uring_peek_cqe(ring, &cqe), 0);
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

static void test_other_operations(void **state)
{
	char byte;

	(void)state;
	io_uring_prep_openat(io_uring_get_sqe(ring), AT_FDCWD, "/dev/null", O_RDONLY, 0);
	assert_int_equal(result(), -EACCES);
	io_uring_prep_connect(io_uring_get_sqe(ring), 0, NULL, 0);
	assert_int_equal(result(), -EACCES);
	io_uring_prep_read(io_uring_get_sqe(ring), 0, &byte, 1, 0);
	assert_int_equal(result(), -EACCES);
	io_uring_prep_close(io_uring_get_sqe(ring), 0);
	assert_int_equal(result(), -EACCES);
}

static void test_other_flags(void **state)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct __kernel_timespec none = {.tv_nsec = 1};

	(void)state;
	io_uring_prep_timeout(sqe, &none, 0, 0);
	sqe->flags |= IOSQE_ASYNC; /* a kernel thread */
	assert_int_equal(result(), -EACCES);
}

static void test_registering(void **state)
{
	struct io_uring_restriction everything = {
		.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_OPENAT};
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(io_uring_register_eventfd(ring, fd), -EACCES);
	assert_true(
		io_uring_register((unsigned)ring->ring_fd, IORING_REGISTER_RESTRICTIONS, &everything, 1) < 0);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_other_operations),
		TEST(test_other_flags),
		TEST(test_registering),
	};

	if (!turns_can_restrict())
		return 0;
	return cmocka_run_group_tests_name("loop_restricted", tests, NULL, NULL);
}
