/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loop's operations complete as the header says, on sockets of this machine. */
#include "turns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static struct turns turns;
static struct uring_loop *loop;

static int open_loop(void **state)
{
	(void)state;
	turns_open(&turns);
	loop = turns.loop;
	return 0;
}

static int open_restricted(void **state)
{
	(void)state;
	turns_open_restricted(&turns);
	loop = turns.loop;
	return 0;
}

static int close_loop(void **state)
{
	(void)state;
	turns_close(&turns);
	return 0;
}

static void make_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

static void close_pair(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* Turns often enough for whatever could happen without us to have happened. */
static void let_time_pass(void)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(uring_turn(loop), 0);
}

static void test_recv_send(void **state)
{
	struct waited r, s;
	char buf[16] = "";
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(uring_recv(loop, waited_op(&r), fds[0], buf, sizeof(buf)), 0);
	let_time_pass();
	assert_int_equal(r.times, 0); /* nothing came yet */
	assert_int_equal(uring_send(loop, waited_op(&s), fds[1], "hello", 5), 0);
	assert_int_equal(turns_wait(&turns, &s), 5);
	assert_int_equal(turns_wait(&turns, &r), 5);
	assert_string_equal(buf, "hello");
	/* What is there already; no more than was asked for. */
	assert_int_equal(send(fds[1], "abcdef", 6, 0), 6);
	assert_int_equal(uring_recv(loop, waited_op(&r), fds[0], buf, 4), 0);
	assert_int_equal(turns_wait(&turns, &r), 4);
	assert_memory_equal(buf, "abcd", 4);
	assert_int_equal(uring_recv(loop, waited_op(&r), fds[0], buf, sizeof(buf)), 0);
	assert_int_equal(turns_wait(&turns, &r), 2);
	close_pair(fds);
}

/* Two requests that must not be parted: more of them are started than the ring submits at once. */
static void test_recvmsg(void **state)
{
	enum {
		MANY = 150,
	};
	static struct waited w[MANY];
	static struct msghdr msg[MANY];
	static struct iovec iov[MANY];
	static char buf[MANY];
	int fds[MANY][2];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		make_pair(fds[i]);
		iov[i] = (struct iovec){.iov_base = buf + i, .iov_len = 1};
		msg[i] = (struct msghdr){.msg_iov = iov + i, .msg_iovlen = 1};
		assert_int_equal(uring_recvmsg(loop, waited_op(w + i), fds[i][0], msg + i), 0);
	}
	let_time_pass();
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(w[i].times, 0);
		assert_int_equal(send(fds[i][1], "a", 1, 0), 1);
		assert_int_equal(turns_wait(&turns, w + i), 1);
		assert_int_equal(buf[i], 'a');
	}
	/* The end of the stream, of the other side's making or ours. */
	assert_int_equal(uring_recvmsg(loop, waited_op(w), fds[0][0], msg), 0);
	assert_int_equal(uring_recvmsg(loop, waited_op(w + 1), fds[1][0], msg + 1), 0);
	let_time_pass();
	shutdown(fds[0][0], SHUT_RDWR);
	close(fds[1][1]);
	fds[1][1] = -1;
	assert_int_equal(turns_wait(&turns, w), 0);
	assert_int_equal(turns_wait(&turns, w + 1), 0);
	for (int i = 0; i < MANY; i++)
		close_pair(fds[i]);
}

/* Bytes that somebody else took meanwhile are not waited for. */
static void test_recvmsg_finds_nothing(void **state)
{
	struct iovec iov = {.iov_base = (char[1]){0}, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct waited w[2];
	int fds[2];

	(void)state;
	make_pair(fds);
	for (int i = 0; i < 2; i++)
		assert_int_equal(uring_recvmsg(loop, waited_op(w + i), fds[0], &msg), 0);
	let_time_pass();
	assert_int_equal(send(fds[1], "a", 1, 0), 1);
	assert_int_equal(turns_wait(&turns, w) + turns_wait(&turns, w + 1), 1 - EAGAIN);
	close_pair(fds);
}

static void test_recv_end(void **state)
{
	struct waited r;
	char buf[16];
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(uring_recv(loop, waited_op(&r), fds[0], buf, sizeof(buf)), 0);
	let_time_pass();
	close(fds[1]);
	assert_int_equal(turns_wait(&turns, &r), 0);
	close(fds[0]);
	assert_int_equal(uring_recv(loop, waited_op(&r), fds[0], buf, sizeof(buf)), 0);
	assert_int_equal(turns_wait(&turns, &r), -EBADF);
}

/* Also shows that no SIGPIPE comes, which would end the test. */
static void test_send_to_nobody(void **state)
{
	struct waited s;
	int fds[2];

	(void)state;
	make_pair(fds);
	close(fds[1]);
	assert_int_equal(uring_send(loop, waited_op(&s), fds[0], "hello", 5), 0);
	assert_int_equal(turns_wait(&turns, &s), -EPIPE);
	close(fds[0]);
}

struct flood {
	struct waited send;
	int reader;
	size_t received;
	char in[65536];
};

/* Reads what there is; over when the send is. */
static int flood_over(void *arg)
{
	struct flood *f = arg;
	ssize_t n;

	while ((n = recv(f->reader, f->in, sizeof(f->in), MSG_DONTWAIT)) > 0)
		f->received += (size_t)n;
	return f->send.times > 0;
}

/* A send of more than the socket holds waits for the reader, or a part of it is sent; it never fails. */
static void test_send_waits(void **state)
{
	static const char out[4 << 20];
	static struct flood f;
	size_t sent = 0;
	int fds[2];

	(void)state;
	make_pair(fds);
	f.reader = fds[1];
	f.received = 0;
	while (sent < sizeof(out)) {
		assert_int_equal(
			uring_send(loop, waited_op(&f.send), fds[0], out + sent, sizeof(out) - sent), 0);
		turns_until(&turns, flood_over, &f);
		assert_true(f.send.res > 0);
		sent += (size_t)f.send.res;
	}
	flood_over(&f);
	assert_int_equal(f.received, sizeof(out));
	close_pair(fds);
}

/* The same without anybody who reads: it waits until it is cancelled. */
static void test_send_cancelled(void **state)
{
	static const char out[4 << 20];
	struct waited s;
	int fds[2];

	(void)state;
	make_pair(fds);
	for (int parts = 0;; parts++) {
		assert_true(parts < 100);
		assert_int_equal(uring_send(loop, waited_op(&s), fds[0], out, sizeof(out)), 0);
		let_time_pass();
		if (!s.times)
			break;
		assert_true(s.res > 0);
	}
	assert_int_equal(uring_cancel(loop, &s.op), 0);
	assert_int_equal(turns_wait(&turns, &s), -ECANCELED);
	close_pair(fds);
}

static void test_accept(void **state)
{
	struct sockaddr_in at, from = {.sin_family = AF_UNSPEC}, peer;
	socklen_t from_len = sizeof(from), len = sizeof(peer);
	int listener = listen_on_loopback(&at), client, fd;
	struct waited a;

	(void)state;
	assert_int_equal(uring_accept(loop, waited_op(&a), listener, (struct sockaddr *)&from, &from_len), 0);
	let_time_pass();
	assert_int_equal(a.times, 0);
	client = connect_to(&at);
	fd = turns_wait(&turns, &a);
	assert_true(fd >= 0);
	assert_int_equal(getsockname(client, (struct sockaddr *)&peer, &len), 0);
	assert_int_equal(from_len, sizeof(from));
	assert_int_equal(from.sin_port, peer.sin_port);
	assert_int_equal(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	close(client);
	close(listener);
}

static void test_accept_without_listener(void **state)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct waited a;

	(void)state;
	assert_int_equal(uring_accept(loop, waited_op(&a), fd, (struct sockaddr *)&from, &len), 0);
	assert_int_equal(turns_wait(&turns, &a), -EINVAL);
	close(fd);
}

static void test_poll(void **state)
{
	struct waited p;
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(uring_poll(loop, waited_op(&p), fds[0], POLLIN), 0);
	let_time_pass();
	assert_int_equal(p.times, 0);
	assert_int_equal(send(fds[1], "x", 1, 0), 1);
	assert_true(turns_wait(&turns, &p) & POLLIN);
	/* Not consumed, and told again. */
	assert_int_equal(uring_poll(loop, waited_op(&p), fds[0], POLLIN | POLLOUT), 0);
	assert_int_equal(turns_wait(&turns, &p) & (POLLIN | POLLOUT), POLLIN | POLLOUT);
	/* A hang-up is told without being asked for. */
	assert_int_equal(uring_poll(loop, waited_op(&p), fds[0], 0), 0);
	let_time_pass();
	assert_int_equal(p.times, 0);
	close(fds[1]);
	assert_true(turns_wait(&turns, &p) & POLLHUP);
	close(fds[0]);
}

static void test_timeout(void **state)
{
	static const long spans[] = {0, 1, 30, 200};

	(void)state;
	for (unsigned i = 0; i < COUNT(spans); i++) {
		struct __kernel_timespec ts = {.tv_nsec = spans[i] * 1000000L};
		int64_t start = ktls_clock_ms();
		struct waited t;

		assert_int_equal(uring_timeout(loop, waited_op(&t), &ts), 0);
		assert_int_equal(turns_wait(&turns, &t), -ETIME);
		/* Never early; how late depends on the machine. The start was rounded down. */
		assert_true(ktls_clock_ms() - start + 1 >= spans[i]);
	}
}

/* Starts one operation of each kind that has nothing to complete for. */
static void start_one(int kind, struct waited *w, const int fds[2], int listener)
{
	static struct __kernel_timespec ts = {.tv_sec = 3600};
	static struct sockaddr_in from;
	static socklen_t len;
	static char buf[16];
	int rc;

	len = sizeof(from);
	switch (kind) {
	case 0:
		rc = uring_recv(loop, waited_op(w), fds[0], buf, sizeof(buf));
		break;
	case 1:
		rc = uring_accept(loop, waited_op(w), listener, (struct sockaddr *)&from, &len);
		break;
	case 2:
		rc = uring_poll(loop, waited_op(w), fds[0], POLLIN);
		break;
	default:
		rc = uring_timeout(loop, waited_op(w), &ts);
	}
	assert_int_equal(rc, 0);
}

static void test_cancel(void **state)
{
	struct sockaddr_in at;
	int fds[2], listener = listen_on_loopback(&at);

	(void)state;
	make_pair(fds);
	for (int kind = 0; kind < 4; kind++)
		for (int late = 0; late < 2; late++) {
			struct waited w;

			start_one(kind, &w, fds, listener);
			if (late) /* else both are submitted together */
				let_time_pass();
			assert_int_equal(uring_cancel(loop, &w.op), 0);
			assert_int_equal(turns_wait(&turns, &w), -ECANCELED);
		}
	close_pair(fds);
	close(listener);
}

/* Who was faster keeps the result; cancelling it then, or twice, does nothing. */
static void test_cancel_too_late(void **state)
{
	struct waited r, other;
	char buf[4];
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(send(fds[1], "ab", 2, 0), 2);
	assert_int_equal(uring_recv(loop, waited_op(&r), fds[0], buf, 1), 0);
	assert_int_equal(turns_wait(&turns, &r), 1);
	assert_int_equal(uring_cancel(loop, &r.op), 0);
	assert_int_equal(uring_cancel(loop, &r.op), 0);
	/* Nothing else is hit by it. */
	assert_int_equal(uring_poll(loop, waited_op(&other), fds[1], POLLIN), 0);
	let_time_pass();
	assert_int_equal(r.times, 1);
	assert_int_equal(other.times, 0);
	assert_int_equal(send(fds[0], "c", 1, 0), 1);
	assert_true(turns_wait(&turns, &other) & POLLIN);
	close_pair(fds);
}

struct repeated {
	struct uring_op op;
	int fd, rounds, wrong;
	char byte;
};

static void again(struct uring_op *op, int res)
{
	struct repeated *r = (struct repeated *)op;

	r->wrong += res != 1 || r->byte != 'x';
	r->byte = 0;
	if (--r->rounds)
		r->wrong += uring_recv(loop, op, r->fd, &r->byte, 1) != 0;
}

static int rounds_over(void *arg)
{
	return !((struct repeated *)arg)->rounds;
}

static void test_started_again_when_done(void **state)
{
	struct repeated r = {.op.done = again, .rounds = 3000};
	char bytes[3000];
	int fds[2];

	(void)state;
	make_pair(fds);
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(send(fds[1], bytes, sizeof(bytes), 0), sizeof(bytes));
	r.fd = fds[0];
	assert_int_equal(uring_recv(loop, &r.op, r.fd, &r.byte, 1), 0);
	turns_until(&turns, rounds_over, &r);
	assert_int_equal(r.wrong, 0);
	close_pair(fds);
}

#define ALL_TESTS(TEST)                                                                                      \
	TEST(test_recv_send)                                                                                 \
	TEST(test_recvmsg)                                                                                   \
	TEST(test_recvmsg_finds_nothing)                                                                     \
	TEST(test_recv_end)                                                                                  \
	TEST(test_send_to_nobody)                                                                            \
	TEST(test_send_waits)                                                                                \
	TEST(test_send_cancelled)                                                                            \
	TEST(test_accept)                                                                                    \
	TEST(test_accept_without_listener)                                                                   \
	TEST(test_poll)                                                                                      \
	TEST(test_timeout)                                                                                   \
	TEST(test_cancel)                                                                                    \
	TEST(test_cancel_too_late)                                                                           \
	TEST(test_started_again_when_done)

#define PLAIN(name)      cmocka_unit_test_setup_teardown(name, open_loop, close_loop),
#define RESTRICTED(name) cmocka_unit_test_setup_teardown(name, open_restricted, close_loop),

int main(void)
{
	const struct CMUnitTest tests[] = {ALL_TESTS(PLAIN)}, restricted[] = {ALL_TESTS(RESTRICTED)};
	int failed = cmocka_run_group_tests_name("loop", tests, NULL, NULL);

	return failed + (turns_can_restrict() ? cmocka_run_group_tests_name(
							"loop_on_restricted_ring", restricted, NULL, NULL)
					      : 0);
}
