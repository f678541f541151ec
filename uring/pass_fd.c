/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring/pass_fd.h"

#include "ktls/sys.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	RETRY_MS = 5, /* how often a queue is offered to a receiver that was too busy */
};

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(URING_PASS_MAX * sizeof(int))];
};

int uring_pass_fds(int channel, const void *data, size_t len, const int *fds, unsigned count)
{
	union control control = {.bytes = {0}};
	struct iovec iov = {.iov_base = (void *)data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = count ? control.bytes : NULL,
		.msg_controllen = count ? CMSG_SPACE(count * sizeof(int)) : 0};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	if (c) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	do
		n = ktls_sys.sendmsg(channel, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ETOOMANYREFS ? -EAGAIN : -errno;
	return (size_t)n == len ? 0 : -EPIPE;
}

int uring_pass_fd(int channel, const void *data, size_t len, int fd)
{
	return uring_pass_fds(channel, data, len, &fd, fd != URING_NO_FD);
}

static void close_all(int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

static void take_from(struct msghdr *msg, int *fds, unsigned count)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	unsigned got = 0;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		got = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), (got < count ? got : count) * sizeof(int));
	}
	if (got < count && msg->msg_flags & MSG_CTRUNC)
		fds[got] = URING_FD_LOST;
}

ssize_t uring_take_fds(int channel, void *data, size_t len, int *fds, unsigned count)
{
	union control control;
	struct iovec iov = {.iov_base = data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		/* Not CMSG_SPACE(), whose padding may be room for one more than anybody would close. */
		.msg_controllen = CMSG_LEN(count * sizeof(int))};
	ssize_t n;

	for (unsigned i = 0; i < count; i++)
		fds[i] = -1;
	do
		n = ktls_sys.recvmsg(channel, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_from(&msg, fds, count);
	if (!(msg.msg_flags & MSG_TRUNC))
		return n;
	close_all(fds, count);
	return -EMSGSIZE;
}

ssize_t uring_take_fd(int channel, void *data, size_t len, int *fd)
{
	return uring_take_fds(channel, data, len, fd, 1);
}

/*
 * This is not a poll, because a channel may be writable and yet accept no descriptor while too many are under
 * way. If the ring accepts nothing for now, the next message tries again.
 */
static void wait_for_receiver(struct uring_pass_queue *q)
{
	static struct __kernel_timespec pause = {.tv_nsec = RETRY_MS * 1000000L};

	if (!q->retrying)
		q->retrying = !uring_timeout(q->loop, &q->retry, &pause);
}

static void flush(struct uring_pass_queue *q)
{
	struct uring_passing *p;

	while ((p = STAILQ_FIRST(&q->waiting))) {
		int rc = uring_pass_fd(q->channel, p->data, p->len, p->fd);

		if (rc == -EAGAIN) {
			wait_for_receiver(q);
			return;
		}
		STAILQ_REMOVE_HEAD(&q->waiting, link);
		q->count--;
		p->done(p, rc);
	}
}

static void retry(struct uring_op *op, int res)
{
	struct uring_pass_queue *q = (struct uring_pass_queue *)op;

	(void)res;
	q->retrying = 0;
	flush(q);
}

void uring_pass_queue_init(struct uring_pass_queue *q, struct uring_loop *loop, int channel)
{
	*q = (struct uring_pass_queue){.retry = {.done = retry}, .loop = loop, .channel = channel};
	STAILQ_INIT(&q->waiting);
}

void uring_pass(struct uring_pass_queue *q, struct uring_passing *p)
{
	STAILQ_INSERT_TAIL(&q->waiting, p, link);
	q->count++;
	if (q->count == 1 || !q->retrying)
		flush(q);
}
