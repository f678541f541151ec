/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The epoll loop: events, a sweep for time limits, the progress line, the stop on a signal. */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include "report.h"

#include <sys/epoll.h>

#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

enum {
	LOOP_EVENTS = 64,
	LOOP_SWEEP_MS = 20
};

struct loop {
	int epoll;
	enum mode mode;
	struct tally *tally;
	uint64_t next_sweep;
	uint64_t progress_at; /* time and count of the last progress line */
	uint64_t progress_done;
	bool sweep; /* set by loop_turn when time limits are to be looked at */
	struct epoll_event events[LOOP_EVENTS];
};

void loop_init(struct loop *l, enum mode mode, struct tally *tally);
/* Starts the clock of the tally: latencies, rate and progress count from here. */
void loop_start_clock(struct loop *l);
void loop_stop_clock(struct loop *l);
/* Waits for events, at most until the next sweep; returns how many are in l->events. */
int loop_turn(struct loop *l);
/* True once SIGINT or SIGTERM arrived. */
bool loop_stopped(void);
void loop_free(struct loop *l);

#endif
