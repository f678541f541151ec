/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop: an io_uring and the operations that wait on it. The engine waits in no other way.
 *
 * Works from Linux 5.10 on; features of newer kernels are used if the kernel accepts them. Threads and
 * processes: a loop belongs to the thread that made it and must not cross a fork().
 */
#ifndef URING_LOOP_H
#define URING_LOOP_H

#include <linux/time_types.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

struct uring_loop;

/* When an operation runs whose system call has completed: uring_op.patient. */
enum {
	URING_URGENT,  /* soon */
	URING_PATIENT, /* done() may take long, and others must not wait for it: after all other operations */
	URING_BULK,    /* it moves much, again and again: beside each patient one some of these run, for a
			  millisecond or one of them */
};

/*
 * An operation, embedded in what it belongs to. From start to completion it must stay where it is, and so
 * must the memory that it was given. done() may start it again.
 */
struct uring_op {
	/*
	 * res is what the system call of the same name returns: a count or descriptor, or a negative errno.
	 */
	void (*done)(struct uring_op *op, int res);
	/* One of the above. Set it before the start. */
	int patient;
	/*
	 * For operations that are not urgent, of which one owner has several: a number of the owner's, 0 at
	 * first, which must be there whenever one of them completes, and which is the loop's. Owners then
	 * take turns, so that the many of one do not go before the one of another. NULL: nobody else's turn
	 * matters.
	 */
	uint64_t *owner;
	/* 1: it has completed, and done() is yet to be called. Only the loop sets it. */
	int due;
	/* Private to the loop. */
	int res;
	uint64_t round;
	TAILQ_ENTRY(uring_op) link;
};

/*
 * Makes a loop. Returns 0 and sets *loop, or a negative errno: -ENOSYS or -EPERM if io_uring is switched off,
 * -EOPNOTSUPP if the kernel is too old. *why is then a sentence (static text).
 */
int uring_loop_new(struct uring_loop **loop, const char **why);

/*
 * The same with a ring that can do nothing but the operations of this header, for good: for a process that
 * strangers may take over, because seccomp(2) does not see what a ring does. Returns -EBADFD if the kernel
 * cannot do that; some kernels 5.10 cannot.
 */
int uring_loop_new_restricted(struct uring_loop **loop, const char **why);

/*
 * Cancels nothing: operations under way may go on for a moment, so end what started them before, or do not
 * free its memory. NULL is allowed.
 */
void uring_loop_free(struct uring_loop *loop);

/* Each of these starts an operation. Returns 0, or -EBUSY if the kernel accepts no more for now. */
int uring_accept(struct uring_loop *loop, struct uring_op *op, int fd, struct sockaddr *addr, socklen_t *len);
int uring_recv(struct uring_loop *loop, struct uring_op *op, int fd, void *buf, size_t len);
/*
 * Waits until the socket is readable, then takes a message without waiting; completes with -EAGAIN if there
 * was none. msg and what it points to must stay, too. Until the socket is readable uring_cancel() does not
 * find this operation; shutdown(2) ends it.
 */
int uring_recvmsg(struct uring_loop *loop, struct uring_op *op, int fd, struct msghdr *msg);
int uring_send(struct uring_loop *loop, struct uring_op *op, int fd, const void *buf, size_t len);
/* Completes with the poll(2) events that happened. */
int uring_poll(struct uring_loop *loop, struct uring_op *op, int fd, unsigned events);
/* Completes with -ETIME when the given time has passed. */
int uring_timeout(struct uring_loop *loop, struct uring_op *op, struct __kernel_timespec *ts);

/*
 * For who found the kernel busy and has nothing else to be woken by: done() is called soon, as that of a
 * patient operation, with -EBUSY. This needs no room in the ring.
 */
void uring_again(struct uring_loop *loop, struct uring_op *op);

/* For a patient operation that is due and will not take long any more: it runs as any other. */
void uring_hurry(struct uring_loop *loop, struct uring_op *op);

/* Asks an operation to end early. It still completes, with -ECANCELED unless it was faster. */
int uring_cancel(struct uring_loop *loop, struct uring_op *op);

/*
 * Submits what was started, waits for at least one completion and runs a limited number of them. Patient ones
 * run last, in order or by turns of their owners, and only a few in each turn, so that new completions soon
 * run before the rest. Others run for some milliseconds in a turn at most, so patient ones are not starved.
 * It does not wait in the kernel while completed patient operations are left from an earlier turn. Returns 0,
 * or a negative errno if the ring can no longer be used.
 */
int uring_turn(struct uring_loop *loop);

/*
 * For a program that waits in another event loop, for example with poll(2) or epoll(7). uring_loop_fd()
 * returns a descriptor to watch for input, which belongs to the loop, or a negative errno: -EMFILE, -ENOMEM,
 * or -EACCES for a restricted ring. Call uring_turn_now() when it is readable, and after starting operations
 * outside of done(). That is like uring_turn(), but never waits. It returns 0; 1 if there is more to do, so
 * that it must be called again before the program waits; or a negative errno like uring_turn(). On some
 * kernels waiting is interrupted now and then (EINTR).
 */
int uring_loop_fd(struct uring_loop *loop);
int uring_turn_now(struct uring_loop *loop);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
