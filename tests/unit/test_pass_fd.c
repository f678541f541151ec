/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors handed to another process over a channel. */
#include "support.h"

#include "ktls/sys.h"
#include "uring/pass_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 30000
};

static int channel[2];

static int open_channel(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_STREAM, 0, channel);
}

static int close_channel(void **state)
{
	(void)state;
	ktls_sys.sendmsg = sendmsg;
	close(channel[0]);
	close(channel[1]);
	return 0;
}

/* Takes one message of len bytes from the channel. Returns its descriptor; -1 where there is none. */
static int take_fd(int from, void *buf, size_t len)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(from, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != (ssize_t)len)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void test_passes(void **state)
{
	char word[6] = "";
	int pipe_ends[2], fd;

	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);
	assert_int_equal(uring_pass_fd(channel[0], "hello", 6, pipe_ends[1]), 0);
	/* Ours is still ours. */
	assert_int_equal(write(pipe_ends[1], "a", 1), 1);
	close(pipe_ends[1]);
	fd = take_fd(channel[1], word, sizeof(word));
	assert_true(fd >= 0);
	assert_string_equal(word, "hello");
	assert_int_equal(write(fd, "b", 1), 1);
	close(fd);
	assert_int_equal(read(pipe_ends[0], word, sizeof(word)), 2);
	assert_memory_equal(word, "ab", 2);
	/* No copy was left anywhere: the pipe ends. */
	assert_int_equal(read(pipe_ends[0], word, sizeof(word)), 0);
	close(pipe_ends[0]);
}

/* Several in a row stay apart, each with its own bytes. */
static void test_in_order(void **state)
{
	int pipes[10][2];

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(pipe(pipes[i]), 0);
		assert_int_equal(uring_pass_fd(channel[0], &i, sizeof(i), pipes[i][1]), 0);
		close(pipes[i][1]);
	}
	for (int i = 0; i < 10; i++) {
		char byte = (char)('a' + i), back;
		int number, fd = take_fd(channel[1], &number, sizeof(number));

		assert_true(fd >= 0);
		assert_int_equal(number, i);
		assert_int_equal(write(fd, &byte, 1), 1);
		assert_int_equal(read(pipes[i][0], &back, 1), 1);
		assert_int_equal(back, byte);
		close(fd);
		close(pipes[i][0]);
	}
}

/* Whoever takes one descriptor does not get a second one that nobody would close. */
static void test_takes_no_more(void **state)
{
	int pipes[2][2], fds[2], fd;
	char byte;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(pipes[i]), 0);
		fds[i] = pipes[i][1];
	}
	assert_int_equal(uring_pass_fds(channel[0], "x", 1, fds, 2), 0);
	assert_int_equal(uring_take_fd(channel[1], &byte, 1, &fd), 1);
	assert_true(fd >= 0);
	close(fd);
	for (int i = 0; i < 2; i++) {
		close(pipes[i][1]);
		/* The pipe ends: no copy was left. */
		assert_int_equal(fcntl(pipes[i][0], F_SETFL, O_NONBLOCK), 0);
		assert_int_equal(read(pipes[i][0], &byte, 1), 0);
		close(pipes[i][0]);
	}
}

static int child_uses(int from)
{
	struct pollfd p = {.fd = from, .events = POLLIN};
	char word[4];
	int fd;

	if (poll(&p, 1, PATIENCE_MS) != 1)
		return 1;
	fd = take_fd(from, word, sizeof(word));
	return fd >= 0 && !memcmp(word, "use", 4) && send(fd, "used", 4, 0) == 4 ? 0 : 1;
}

static void test_other_process(void **state)
{
	int line[2], status;
	char word[4];
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, line), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		/* What was inherited is of no use here: only what is passed. */
		close(line[0]);
		close(line[1]);
		_exit(child_uses(channel[1]));
	}
	assert_int_equal(uring_pass_fd(channel[0], "use", 4, line[1]), 0);
	close(line[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(recv(line[0], word, 4, MSG_DONTWAIT), 4);
	assert_memory_equal(word, "used", 4);
	close(line[0]);
}

/* Nobody reads: at some time there is no room. What was taken until then is whole, and then there is room. */
static void test_full(void **state)
{
	char message[256], got[256];
	int rc = 0, small = 4096, number = 0, fd;

	(void)state;
	setsockopt(channel[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	memset(message, 0, sizeof(message));
	for (number = 0; number < 5000; number++) {
		memcpy(message, &number, sizeof(number));
		rc = uring_pass_fd(channel[0], message, sizeof(message), channel[0]);
		if (rc)
			break;
	}
	assert_int_equal(rc, -EAGAIN);
	assert_true(number > 0);
	assert_int_equal(uring_pass_fd(channel[0], message, sizeof(message), channel[0]), -EAGAIN);
	for (int i = 0; i < number; i++) {
		fd = take_fd(channel[1], got, sizeof(got));
		assert_true(fd >= 0);
		close(fd);
		assert_memory_equal(got, &i, sizeof(i));
	}
	assert_int_equal(take_fd(channel[1], got, sizeof(got)), -1);
	assert_int_equal(uring_pass_fd(channel[0], message, sizeof(message), channel[0]), 0);
	fd = take_fd(channel[1], got, sizeof(got));
	assert_true(fd >= 0);
	close(fd);
}

/* Also shows that no SIGPIPE comes. */
static void test_of_no_use(void **state)
{
	int other[2];

	(void)state;
	assert_int_equal(uring_pass_fd(channel[0], "x", 1, -1), -EBADF);
	assert_int_equal(uring_pass_fd(-1, "x", 1, 0), -EBADF);
	assert_int_equal(pipe(other), 0);
	assert_int_equal(uring_pass_fd(other[1], "x", 1, 0), -ENOTSOCK);
	close(other[0]);
	close(other[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
	close(other[1]);
	assert_int_equal(uring_pass_fd(other[0], "x", 1, 0), -EPIPE);
	close(other[0]);
}

static int calls, failures, failing_errno;
static ssize_t success;

/* Fails as often as it was told, then reports that many bytes. */
static ssize_t told_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	assert_int_equal(fd, channel[0]);
	assert_int_equal(msg->msg_iovlen, 1);
	assert_int_equal(flags & (MSG_DONTWAIT | MSG_NOSIGNAL), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (calls++ >= failures)
		return success;
	errno = failing_errno;
	return -1;
}

static int pass_with(int error, int times, ssize_t sent)
{
	calls = 0;
	failing_errno = error;
	failures = times;
	success = sent;
	ktls_sys.sendmsg = told_sendmsg;
	return uring_pass_fd(channel[0], "hello", 5, 0);
}

static void test_errors_of_the_kernel(void **state)
{
	(void)state;
	/* Too many descriptors under way to a process that does not take them: they will be fewer. */
	assert_int_equal(pass_with(ETOOMANYREFS, 1, 5), -EAGAIN);
	assert_int_equal(calls, 1);
	assert_int_equal(pass_with(EAGAIN, 1, 5), -EAGAIN);
	assert_int_equal(pass_with(ECONNRESET, 1, 5), -ECONNRESET);
	assert_int_equal(pass_with(ENOBUFS, 1, 5), -ENOBUFS);
	/* A signal is no reason to give up. */
	assert_int_equal(pass_with(EINTR, 3, 5), 0);
	assert_int_equal(calls, 4);
	/* A part went out: the rest could not be told from the next message. */
	assert_int_equal(pass_with(0, 0, 3), -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_passes, open_channel, close_channel),
		cmocka_unit_test_setup_teardown(test_in_order, open_channel, close_channel),
		cmocka_unit_test_setup_teardown(test_takes_no_more, open_channel, close_channel),
		cmocka_unit_test_setup_teardown(test_other_process, open_channel, close_channel),
		cmocka_unit_test_setup_teardown(test_full, open_channel, close_channel),
		cmocka_unit_test_setup_teardown(test_of_no_use, open_channel, close_channel),
		cmocka_unit_test_setup_teardown(test_errors_of_the_kernel, open_channel, close_channel),
	};

	return cmocka_run_group_tests_name("pass_fd", tests, NULL, NULL);
}
