/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The epoll loop: it passes events to the parts of a run, tells the time, prints progress and stops on a
 * signal.
 */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include "report.h"

#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

enum {
	LOOP_PARTS = 2,
	LOOP_SWEEP_MS = 20
};

enum loop_input {
	LOOP_INPUT_NONE,
	LOOP_INPUT_BYTE,
	LOOP_INPUT_END
};

/* Something that has connections. Their epoll ids are first, first + 1, ... */
struct loop_part {
	void *self;
	uint32_t connections;
	uint32_t first;                            /* set by loop_add */
	void (*event)(void *self, uint32_t index); /* one of its connections is ready */
	void (*turn)(void *self, uint64_t now);    /* after every wait; NULL: nothing to do */
	void (*sweep)(void *self, uint64_t now);   /* every LOOP_SWEEP_MS, for time limits */
};

struct loop {
	int epoll;
	int timer;
	uint64_t wake; /* what the timer is set to; 0: not set */
	uint64_t next_sweep;
	uint64_t progress_from; /* 0: no progress lines */
	uint64_t progress_at;
	struct loop_part *parts[LOOP_PARTS];
	const struct tally *watched[LOOP_PARTS];
	uint64_t watched_done[LOOP_PARTS]; /* at the last progress line */
};

void loop_init(struct loop *l);
/* Adds a part, which still belongs to the caller. Gives its connections their ids. */
void loop_add(struct loop *l, struct loop_part *part);
/* From now on prints a line each second, with this tally at position slot. */
void loop_watch(struct loop *l, unsigned slot, const struct tally *t);
void loop_unwatch(struct loop *l);
/* Ends a wait at that time of the monotonic clock, once. */
void loop_wake_at(struct loop *l, uint64_t at);
/* Waits once, at most until the next sweep, and lets the parts do their work. */
void loop_turn(struct loop *l);
/* Runs until that time or a stop signal. */
void loop_run(struct loop *l, uint64_t end);
/* True once SIGINT or SIGTERM arrived. */
bool loop_stopped(void);
void loop_free(struct loop *l);
/* What standard input has now; a byte is taken off it. */
enum loop_input loop_input(void);

#endif
