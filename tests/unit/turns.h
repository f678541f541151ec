/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A loop that a test turns until something has happened, but never for ever. */
#ifndef UNIT_TURNS_H
#define UNIT_TURNS_H

#include "support.h"

#include "ktls/clock.h"
#include "uring/loop.h"

#include <netinet/in.h>

struct turns {
	struct uring_loop *loop;
	struct uring_op tick; /* ends a turn now and then, so that a test whose event never comes fails */
	struct __kernel_timespec span;
};

void turns_open(struct turns *t);
void turns_open_restricted(struct turns *t);

/* 0 before Linux 5.11, where restrictions may not work. */
int turns_can_restrict(void);
void turns_close(struct turns *t);

/* Turns until over(arg) says so, which may also lead the other side on; fails when it takes too long. */
void turns_until(struct turns *t, int (*over)(void *arg), void *arg);

/* An operation and how it went. */
struct waited {
	struct uring_op op;
	unsigned times; /* completions so far */
	int res;        /* of the last */
};

/* Ready to be started, for the first time or again. */
struct uring_op *waited_op(struct waited *w);

/* Turns until it has completed, once. Returns its result. */
int turns_wait(struct turns *t, struct waited *w);

/* A listening TCP socket on a loopback port of the kernel's choice, and a connection to it. */
int listen_on_loopback(struct sockaddr_in *at);
int connect_to(const struct sockaddr_in *at);

/* Number of descriptors that are open in this process. */
unsigned count_descriptors(void);

/* Lets close() reset the connection. */
void reset_on_close(int fd);

#endif
