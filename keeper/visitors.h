/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processes that are connected to the keeper: SERs that leave connections here or take them back. Nobody
 * waits for any of them. There are few places; when all are taken, the one that has done nothing for the
 * longest time makes way.
 */
#ifndef KEEPER_VISITORS_H
#define KEEPER_VISITORS_H

#include "keeper/store.h"

#include <poll.h>
#include <sys/types.h>

enum {
	VISITORS_MAX = 8,
};

struct visitor {
	int fd; /* -1: the place is free */
	pid_t pid;
	int taking;        /* it gets all that is kept */
	int64_t active;    /* ktls_clock_ms() of its last message, or of ours */
	int64_t resume_at; /* no message is sent to it before that */
	unsigned left, taken, refused;
};

struct visitors {
	struct visitor all[VISITORS_MAX];
	struct store *store;
};

void visitors_init(struct visitors *v, struct store *store);

/* Takes the next process that waits at the listening socket, if there is one. */
void visitors_accept(struct visitors *v, int listener);

/* Fills one entry for each place. Returns in how many ms visitors_serve() must be called, -1: never. */
int visitors_poll(const struct visitors *v, struct pollfd pfds[VISITORS_MAX], int64_t now);

/* Does what can be done without waiting, a bounded part of it. */
void visitors_serve(struct visitors *v, const struct pollfd pfds[VISITORS_MAX]);

#endif
