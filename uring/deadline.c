/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring/deadline.h"

#include "ktls/clock.h"

/* Ends a timer that runs longer than the next deadline; timer_done() starts another. */
static void shorten_timer(struct uring_deadlines *all, const struct uring_deadline *next)
{
	if (!all->timer_cancelled && next->at + URING_DEADLINE_GRAIN_MS < all->timer_end)
		all->timer_cancelled = !uring_cancel(all->loop, &all->timer);
}

static void run_timer(struct uring_deadlines *all)
{
	struct uring_deadline *next = TAILQ_FIRST(&all->list);
	int64_t now, left;

	if (!next)
		return;
	if (all->timer_runs) {
		shorten_timer(all, next);
		return;
	}
	now = ktls_clock_ms();
	left = next->at - now;
	if (left < URING_DEADLINE_GRAIN_MS)
		left = URING_DEADLINE_GRAIN_MS;
	all->span = (struct __kernel_timespec){.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
	all->timer_end = now + left;
	all->timer_cancelled = 0;
	all->timer_runs = 1;
	if (uring_timeout(all->loop, &all->timer, &all->span))
		uring_again(all->loop, &all->timer);
}

static void take_out(struct uring_deadlines *all, struct uring_deadline *d)
{
	TAILQ_REMOVE(&all->list, d, link);
	d->is_set = 0;
}

static void put_back(struct uring_deadlines *all, struct uring_deadline *d)
{
	TAILQ_INSERT_HEAD(&all->list, d, link);
	d->is_set = 1;
}

static void timer_done(struct uring_op *op, int res)
{
	struct uring_deadlines *all =
		(struct uring_deadlines *)((char *)op - offsetof(struct uring_deadlines, timer));
	int64_t now = ktls_clock_ms();
	struct uring_deadline *d;

	(void)res;
	all->timer_runs = 0;
	while ((d = TAILQ_FIRST(&all->list)) && d->at <= now) {
		take_out(all, d);
		if (all->passed(d)) {
			put_back(all, d);
			break;
		}
	}
	if (all->ended)
		all->ended(all);
	else
		run_timer(all);
}

void uring_deadlines_init(
	struct uring_deadlines *all, struct uring_loop *loop, int (*passed)(struct uring_deadline *d))
{
	*all = (struct uring_deadlines){.loop = loop, .passed = passed, .timer.done = timer_done};
	TAILQ_INIT(&all->list);
}

void uring_deadline_set(struct uring_deadlines *all, struct uring_deadline *d, int64_t ms)
{
	struct uring_deadline *before;

	if (d->is_set)
		take_out(all, d);
	d->at = ktls_clock_ms() + ms;
	before = TAILQ_LAST(&all->list, uring_deadline_list);
	while (before && before->at > d->at)
		before = TAILQ_PREV(before, uring_deadline_list, link);
	if (before)
		TAILQ_INSERT_AFTER(&all->list, before, d, link);
	else
		TAILQ_INSERT_HEAD(&all->list, d, link);
	d->is_set = 1;
	run_timer(all);
}

void uring_deadline_clear(struct uring_deadlines *all, struct uring_deadline *d)
{
	if (d->is_set)
		take_out(all, d);
	run_timer(all);
}

void uring_deadlines_hasten(struct uring_deadlines *all)
{
	struct uring_deadline *d;
	int64_t now = ktls_clock_ms();

	TAILQ_FOREACH(d, &all->list, link)
	{
		if (d->at > now)
			d->at = now;
	}
	run_timer(all);
}

int uring_deadlines_stop(struct uring_deadlines *all)
{
	if (all->timer_runs && !all->timer_cancelled)
		all->timer_cancelled = !uring_cancel(all->loop, &all->timer);
	return !all->timer_runs;
}

void uring_deadlines_end(struct uring_deadlines *all, void (*ended)(struct uring_deadlines *all))
{
	all->ended = ended;
}
