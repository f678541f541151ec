/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One io_uring and the operations that wait on it: the engine's only way to wait.
 *
 * Works from Linux 5.10 on; features of newer kernels are used where the kernel accepts them.
 * Threads and processes: a loop belongs to the thread that made it and must not cross a fork().
 */
#ifndef URING_LOOP_H
#define URING_LOOP_H

#include <linux/time_types.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/socket.h>

#pragma GCC visibility push(default)

struct uring_loop;

/*
 * An operation, embedded in what it belongs to. From start to completion it must stay where it is, as must
 * the memory that it was given; it may be started again from inside done().
 */
struct uring_op {
	/* res as of the system call of the same name: a count or descriptor, or a negative errno. */
	void (*done)(struct uring_op *op, int res);
	/*
	 * 1: what it leads to is long work, which others must not wait for: done() is called behind those of
	 * all other operations that have completed. Set before the start; 0 otherwise.
	 */
	int patient;
	/* The loop's own. */
	int res;
	STAILQ_ENTRY(uring_op) link;
};

/*
 * Makes a loop. Returns 0 and sets *loop, or a negative errno: -ENOSYS or -EPERM where io_uring is switched
 * off, -EOPNOTSUPP where the kernel is too old; *why then is one sentence (static text).
 */
int uring_loop_new(struct uring_loop **loop, const char **why);

/* Cancels nothing: operations under way end with the process's descriptors. Takes NULL. */
void uring_loop_free(struct uring_loop *loop);

/* Each starts one operation. Returns 0, or -EBUSY when the kernel takes no more for now. */
int uring_accept(struct uring_loop *loop, struct uring_op *op, int fd, struct sockaddr *addr, socklen_t *len);
int uring_recv(struct uring_loop *loop, struct uring_op *op, int fd, void *buf, size_t len);
/*
 * Waits until the socket is readable, then takes a message without waiting: completes with -EAGAIN where that
 * gave nothing. msg and what it points to must stay, too. Until the socket is readable uring_cancel() does
 * not find it; shutdown(2) ends it.
 */
int uring_recvmsg(struct uring_loop *loop, struct uring_op *op, int fd, struct msghdr *msg);
int uring_send(struct uring_loop *loop, struct uring_op *op, int fd, const void *buf, size_t len);
/* Completes with the poll(2) events that happened. */
int uring_poll(struct uring_loop *loop, struct uring_op *op, int fd, unsigned events);
/* Completes with -ETIME when the relative time is over. */
int uring_timeout(struct uring_loop *loop, struct uring_op *op, struct __kernel_timespec *ts);

/* Asks for an operation to end early; it still completes, with -ECANCELED unless it was faster. */
int uring_cancel(struct uring_loop *loop, struct uring_op *op);

/*
 * Submits what was started, waits for at least one completion and runs at most a bounded number of them: the
 * patient ones last, in their order and a few in a turn, so that new completions soon go before the rest.
 * Does not wait in the kernel while completed patient operations are left from an earlier turn.
 * Returns 0 or a negative errno that says the ring is of no use any more.
 */
int uring_turn(struct uring_loop *loop);

#pragma GCC visibility pop

#endif
