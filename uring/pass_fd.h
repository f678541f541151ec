/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors on their way from one process to another: SCM_RIGHTS, unix(7). */
#ifndef URING_PASS_FD_H
#define URING_PASS_FD_H

#include "uring/loop.h"

#include <sys/queue.h>
#include <sys/types.h>

enum {
	URING_PASS_MAX = 2, /* descriptors in one message */
	URING_NO_FD = -2,   /* in the place of one, for a message without */
};

#pragma GCC visibility push(default)

/*
 * As uring_pass_fd() and uring_take_fd() with several descriptors; those that did not come are -1. Taking is
 * safe in a signal handler.
 */
int uring_pass_fds(int channel, const void *data, size_t len, const int *fds, unsigned count);
ssize_t uring_take_fds(int channel, void *data, size_t len, int *fds, unsigned count);

/*
 * Sends len bytes and the descriptor fd over the AF_UNIX socket channel in one message, without
 * waiting. The caller keeps its own copy of fd. Returns 0; -EAGAIN when the channel is full for now (also
 * where too many descriptors are under way); another negative errno when it is of no use, -EPIPE when only a
 * part of the bytes went out.
 */
int uring_pass_fd(int channel, const void *data, size_t len, int fd);

/*
 * Takes the next message of at most len bytes from a SOCK_SEQPACKET channel (of a SOCK_STREAM one: what is
 * there up to the next descriptor), without waiting. *fd is the
 * descriptor that came with it (close-on-exec), or -1.
 * Returns its bytes; 0 when the other side is gone; -EAGAIN when there is none for now; -EMSGSIZE when it was
 * longer (it is lost, its descriptor closed); another negative errno.
 */
ssize_t uring_take_fd(int channel, void *data, size_t len, int *fd);

/*
 * Messages for one channel, kept in order until it takes them. A queue belongs to the thread of its loop.
 */
struct uring_passing {
	STAILQ_ENTRY(uring_passing) link;
	const void *data; /* with len and fd: the caller's until done() is called */
	size_t len;
	int fd;
	/* rc is 0 when the message is under way, else what sendmsg() gave. The callee may free the item. */
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

/* The channel stays the caller's. */
void uring_pass_queue_init(struct uring_pass_queue *q, struct uring_loop *loop, int channel);

/* Sends p as soon as everything before it is sent: maybe at once. done() is called in any case, maybe from
 * here. */
void uring_pass(struct uring_pass_queue *q, struct uring_passing *p);

#pragma GCC visibility pop

#endif
