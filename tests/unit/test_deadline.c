/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deadlines of all spans: in which order they pass, and what may be done when one does. */
#include "turns.h"

#include "uring/deadline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	MANY = 200,
};

struct alarm {
	struct uring_deadline deadline;
	int64_t due;
};

static struct turns turns;
static struct uring_deadlines all;
static struct alarm *passed[MANY];
static unsigned count;

static int note(struct uring_deadline *d)
{
	struct alarm *a = (struct alarm *)d;

	assert_true(ktls_clock_ms() >= a->due);
	assert_false(d->is_set);
	passed[count++] = a;
	return 0;
}

static void set(struct alarm *a, int64_t ms)
{
	a->due = ktls_clock_ms() + ms;
	uring_deadline_set(&all, &a->deadline, ms);
}

static int have_passed(void *arg)
{
	return count >= *(unsigned *)arg;
}

static void until(unsigned number)
{
	turns_until(&turns, have_passed, &number);
	assert_int_equal(count, number);
}

static void open_with(int (*f)(struct uring_deadline *d))
{
	turns_open(&turns);
	uring_deadlines_init(&all, turns.loop, f);
	memset(passed, 0, sizeof(passed));
	count = 0;
}

static void test_order(void **state)
{
	static struct alarm alarms[4], far;

	(void)state;
	open_with(note);
	set(&far, 3600 * 1000); /* the timer runs for it until another one comes first */
	set(&alarms[0], 60);
	set(&alarms[1], 20);
	set(&alarms[2], 60);
	set(&alarms[3], 0);
	until(4);
	for (unsigned i = 1; i < count; i++)
		assert_true(passed[i - 1]->deadline.at <= passed[i]->deadline.at);
	uring_deadline_clear(&all, &far.deadline);
	assert_true(TAILQ_EMPTY(&all.list));
	turns_close(&turns);
}

/* Later, earlier, or not at all. */
static void test_changes(void **state)
{
	static struct alarm later, earlier, never, last;

	(void)state;
	open_with(note);
	set(&later, 10);
	set(&earlier, 3600 * 1000);
	set(&never, 20);
	set(&earlier, 10);
	set(&later, 300);
	set(&last, 300);
	uring_deadline_clear(&all, &never.deadline);
	uring_deadline_clear(&all, &never.deadline);
	until(3);
	assert_ptr_equal(passed[0], &earlier);
	assert_ptr_equal(passed[1], &later);
	assert_ptr_equal(passed[2], &last);
	turns_close(&turns);
}

/* Whoever has passed may be gone then, take others along, and be set again. */
static struct alarm *companion, again;

static int free_both(struct uring_deadline *d)
{
	if (d == &again.deadline && !count) {
		set(&again, 1);
	} else if (d != &again.deadline) {
		uring_deadline_clear(&all, &companion->deadline);
		free(companion);
		free(d);
	}
	count++;
	return 0;
}

static void test_inside(void **state)
{
	struct alarm *a = calloc(1, sizeof(*a));

	(void)state;
	companion = calloc(1, sizeof(*companion));
	assert_non_null(a);
	assert_non_null(companion);
	open_with(free_both);
	set(&again, 0);
	set(a, 1);
	set(companion, 2);
	until(3);
	assert_true(TAILQ_EMPTY(&all.list));
	turns_close(&turns);
}

/* The ring is full: the same deadline comes again, those behind it wait, and then none is missing. */
static unsigned refusals;

static int refuse_at_first(struct uring_deadline *d)
{
	return refusals && refusals-- ? -EBUSY : note(d);
}

static void test_full_ring(void **state)
{
	static struct alarm alarms[MANY];

	(void)state;
	open_with(refuse_at_first);
	refusals = 2;
	for (unsigned i = 0; i < MANY; i++)
		set(&alarms[i], 1);
	until(MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_ptr_equal(passed[i], &alarms[i]);
	turns_close(&turns);
}

static int timer_has_stopped(void *arg)
{
	(void)arg;
	return uring_deadlines_stop(&all);
}

/* All pass at once, and then the timer can be stopped, which takes a turn. */
static void test_end(void **state)
{
	static struct alarm alarms[3], far;

	(void)state;
	open_with(note);
	assert_int_equal(uring_deadlines_stop(&all), 1);
	for (unsigned i = 0; i < COUNT(alarms); i++) {
		set(&alarms[i], 3600 * 1000);
		alarms[i].due = 0;
	}
	uring_deadlines_hasten(&all);
	until(COUNT(alarms));
	set(&far, 3600 * 1000);
	uring_deadline_clear(&all, &far.deadline);
	assert_int_equal(uring_deadlines_stop(&all), 0);
	turns_until(&turns, timer_has_stopped, NULL);
	turns_close(&turns);
}

static struct uring_deadlines *ended_ones;

static void note_end(struct uring_deadlines *of)
{
	ended_ones = of;
}

static int end_there(struct uring_deadline *d)
{
	(void)d;
	count++;
	uring_deadlines_end(&all, note_end);
	return 0;
}

static void test_end_inside(void **state)
{
	static struct alarm last;

	(void)state;
	ended_ones = NULL;
	open_with(end_there);
	set(&last, 10);
	until(1);
	assert_ptr_equal(ended_ones, &all);
	assert_int_equal(all.timer_runs, 0);
	turns_close(&turns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_inside),
		cmocka_unit_test(test_full_ring),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_end_inside),
	};

	return cmocka_run_group_tests_name("deadline", tests, NULL, NULL);
}
