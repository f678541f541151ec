/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sorted list of deadlines, with one timer in the ring for all of them.
 *
 * The timer runs only while there is a deadline. A deadline passes up to URING_DEADLINE_GRAIN_MS late and
 * never early. Setting one means a look at all that end later, which is almost nothing if all spans are
 * equal. Threads and processes: same as the loop.
 */
#ifndef URING_DEADLINE_H
#define URING_DEADLINE_H

#include "uring/loop.h"

#include <stdint.h>
#include <sys/queue.h>

enum {
	URING_DEADLINE_GRAIN_MS = 100,
};

/* Embedded in what has the deadline. Zero it first. While it is set it must not move or be freed. */
struct uring_deadline {
	TAILQ_ENTRY(uring_deadline) link;
	int64_t at; /* ktls_clock_ms() */
	int is_set;
};

struct uring_deadlines {
	TAILQ_HEAD(uring_deadline_list, uring_deadline) list; /* the next to pass comes first */
	struct uring_loop *loop;
	int (*passed)(struct uring_deadline *d);
	struct uring_op timer;
	struct __kernel_timespec span;
	int64_t timer_end; /* ktls_clock_ms(), while it runs */
	int timer_runs, timer_cancelled;
	void (*ended)(struct uring_deadlines *all); /* NULL: it goes on */
};

/*
 * passed() is called from uring_turn() when d's time is over. d is then no longer set, and passed() may set
 * it again or free it, or any other. It returns 0, or a negative errno if the ring is full; then d must still
 * exist, and passed() is called again a moment later.
 */
void uring_deadlines_init(
	struct uring_deadlines *all, struct uring_loop *loop, int (*passed)(struct uring_deadline *d));

/* Sets d to pass in ms milliseconds, whatever it was set to before. */
void uring_deadline_set(struct uring_deadlines *all, struct uring_deadline *d, int64_t ms);

/* Clears d, so that it does not pass. d need not be set. */
void uring_deadline_clear(struct uring_deadlines *all, struct uring_deadline *d);

/* Lets all that are set pass now. */
void uring_deadlines_hasten(struct uring_deadlines *all);

/*
 * For the end, when none is set. Returns 1 if the timer does not run, so that the memory may be freed; else
 * stops it, which takes a turn or more, and returns 0.
 */
int uring_deadlines_stop(struct uring_deadlines *all);

/*
 * The same from within passed(), where the timer is just ending: ended() is called when nothing touches the
 * memory any more, which it may free.
 */
void uring_deadlines_end(struct uring_deadlines *all, void (*ended)(struct uring_deadlines *all));

#endif
