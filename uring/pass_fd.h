/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passes descriptors from one process to another: SCM_RIGHTS, unix(7). */
#ifndef URING_PASS_FD_H
#define URING_PASS_FD_H

#include "uring/loop.h"

#include <sys/queue.h>
#include <sys/types.h>

enum {
	URING_PASS_MAX = 2, /* descriptors in one message */
	URING_NO_FD = -2,   /* for a message without a descriptor */
	URING_FD_LOST = -3, /* one was sent, but the process had no room for it */
};

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/*
 * Like uring_pass_fd() and uring_take_fd(), but with several descriptors; those that did not come are -1,
 * or URING_FD_LOST for the first that was lost. Taking is safe in a signal handler.
 */
int uring_pass_fds(int channel, const void *data, size_t len, const int *fds, unsigned count);
ssize_t uring_take_fds(int channel, void *data, size_t len, int *fds, unsigned count);

/*
 * Sends len bytes and the descriptor fd over the AF_UNIX socket channel in one message, without waiting. The
 * caller keeps its own copy of fd. Returns 0; -EAGAIN if the channel is full for now (also if too many
 * descriptors are under way); another negative errno if the channel cannot be used, -EPIPE if only some of
 * the bytes went out.
 */
int uring_pass_fd(int channel, const void *data, size_t len, int fd);

/*
 * Takes the next message of at most len bytes from a SOCK_SEQPACKET channel, without waiting (from a
 * SOCK_STREAM one: what has arrived up to the next descriptor). *fd is the descriptor that came with it
 * (close-on-exec), -1 or URING_FD_LOST. Returns the number of bytes; 0 if the other side is gone; -EAGAIN if
 * there is no message for now; -EMSGSIZE if the message was longer (it is lost, its descriptor closed); or
 * another negative errno.
 */
ssize_t uring_take_fd(int channel, void *data, size_t len, int *fd);

/*
 * Messages for one channel, kept in order until the channel accepts them. A queue belongs to the thread of
 * its loop.
 */
struct uring_passing {
	STAILQ_ENTRY(uring_passing) link;
	const void *data; /* data, len and fd must stay until done() is called */
	size_t len;
	int fd;
	/* rc is 0 if the message is under way, else sendmsg()'s error. The callee may free the item. */
	void (*done)(struct uring_passing *p, int rc);
};

struct uring_pass_queue {
	struct uring_op retry; /* the first member */
	STAILQ_HEAD(, uring_passing) waiting;
	struct uring_loop *loop;
	unsigned count;
	int channel;
	int retrying; /* retry is under way */
};

/* The channel still belongs to the caller. */
void uring_pass_queue_init(struct uring_pass_queue *q, struct uring_loop *loop, int channel);

/*
 * Sends p as soon as everything before it is sent, perhaps at once. done() is called in any case, perhaps
 * before this returns.
 */
void uring_pass(struct uring_pass_queue *q, struct uring_passing *p);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
