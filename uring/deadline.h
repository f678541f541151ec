/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deadlines, in their order, with one timer of the ring for all of them.
 *
 * The timer runs only while there is a deadline. A deadline passes up to URING_DEADLINE_GRAIN_MS late and
 * never early. Setting one costs a look at those that end later, so nearly nothing where all spans are equal.
 * Threads and processes: as the loop.
 */
#ifndef URING_DEADLINE_H
#define URING_DEADLINE_H

#include "uring/loop.h"

#include <stdint.h>
#include <sys/queue.h>

enum {
	URING_DEADLINE_GRAIN_MS = 100,
};

/* Embedded in what has the deadline, zeroed at first. It must not move, nor be freed, while it is set. */
struct uring_deadline {
	TAILQ_ENTRY(uring_deadline) link;
	int64_t at; /* ktls_clock_ms() */
	int is_set;
};

struct uring_deadlines {
	TAILQ_HEAD(uring_deadline_list, uring_deadline) list; /* the next to pass is the first */
	struct uring_loop *loop;
	int (*passed)(struct uring_deadline *d);
	struct uring_op timer;
	struct __kernel_timespec span;
	int64_t timer_end; /* ktls_clock_ms(), while it runs */
	int timer_runs, timer_cancelled;
};

/*
 * passed() is called from uring_turn() when d's time is over; d is not set any more, and may be set again or
 * freed there, as may any other. It returns 0; or a negative errno where the ring is full: then d is still
 * there, and is called again a moment later.
 */
void uring_deadlines_init(
	struct uring_deadlines *all, struct uring_loop *loop, int (*passed)(struct uring_deadline *d));

/* Lets d pass in ms milliseconds, whatever it was set to before. */
void uring_deadline_set(struct uring_deadlines *all, struct uring_deadline *d, int64_t ms);

/* d does not pass. One that is not set may be cleared, too. */
void uring_deadline_clear(struct uring_deadlines *all, struct uring_deadline *d);

#endif
