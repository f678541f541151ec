/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the figures of bench/load stand on: its percentiles and its timetable. */
#include "support.h"

#include "bench/histogram.h"
#include "bench/pace.h"
#include "bench/series.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_SEC UINT64_C(1000000000)

static void test_empty_histogram(void **state)
{
	static struct histogram h;

	(void)state;
	assert_int_equal(histogram_quantile(&h, 0.99), 0);
}

/* 1 to 100,000 once each: every quantile is known, and may be shown up to 3.2 % too large, never too small.
 */
static void test_quantiles(void **state)
{
	static struct histogram h;
	const double shares[] = {0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1};

	(void)state;
	memset(&h, 0, sizeof(h));
	for (uint64_t value = 100000; value > 0; value--)
		histogram_add(&h, value);
	assert_int_equal(h.count, 100000);
	assert_int_equal(h.max, 100000);
	for (unsigned i = 0; i < COUNT(shares); i++) {
		uint64_t exact = (uint64_t)(shares[i] * 100000 + 0.5);
		uint64_t shown = histogram_quantile(&h, shares[i]);

		assert_true(shown >= exact);
		assert_true(shown <= exact + exact * 32 / 1000);
	}
}

/* A single slow answer among a hundred is the maximum, and above the median. */
static void test_slowest(void **state)
{
	static struct histogram h;

	(void)state;
	memset(&h, 0, sizeof(h));
	for (int i = 0; i < 99; i++)
		histogram_add(&h, 7);
	histogram_add(&h, 3000001);
	assert_int_equal(histogram_quantile(&h, 0.5), 7);
	assert_int_equal(histogram_quantile(&h, 0.99), 7);
	assert_int_equal(histogram_quantile(&h, 1), 3000001);
	histogram_add(&h, UINT64_MAX);
	assert_int_equal(h.max, (UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1);
}

/* The count of what is due and the time of each message say the same at every message's own nanosecond. */
static void test_pace_agrees(void **state)
{
	const uint32_t rates[] = {1, 3, 7, 300, 2000, 99999, 200000};

	(void)state;
	for (unsigned i = 0; i < COUNT(rates); i++) {
		struct pace p = {.start = 12345678901234, .rate = rates[i]};

		assert_int_equal(pace_time(&p, 0), p.start);
		assert_int_equal(pace_due(&p, p.start - 1), 0);
		for (uint64_t index = 0; index < 5000; index++) {
			uint64_t at = pace_time(&p, index);
			assert_int_equal(pace_due(&p, at), index + 1);
			assert_true(index == 0 || pace_due(&p, at - 1) == index);
		}
	}
}

/* An hour at the highest rate neither drifts nor overflows. */
static void test_pace_of_an_hour(void **state)
{
	struct pace p = {.start = UINT64_C(1) << 60, .rate = 200000};
	uint64_t messages = UINT64_C(3600) * p.rate;

	(void)state;
	assert_int_equal(pace_time(&p, messages) - p.start, 3600 * NS_PER_SEC);
	assert_int_equal(pace_due(&p, p.start + 3600 * NS_PER_SEC), messages + 1);
}

/* Each tenth of a second has its own count; what comes after the last one is left out. */
static void test_series(void **state)
{
	static struct series s;
	uint64_t step = NS_PER_SEC / 10;

	(void)state;
	series_done(&s, 0);
	series_done(&s, step - 1);
	series_failed(&s, step);
	assert_int_equal(s.steps, 2);
	series_done(&s, SERIES_STEPS * step - 1);
	series_done(&s, SERIES_STEPS * step);
	series_failed(&s, UINT64_MAX);
	assert_int_equal(s.steps, SERIES_STEPS);
	assert_int_equal(s.done[0], 2);
	assert_int_equal(s.done[1], 0);
	assert_int_equal(s.failed[1], 1);
	assert_int_equal(s.done[SERIES_STEPS - 1], 1);
	assert_int_equal(s.failed[SERIES_STEPS - 1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_histogram),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_slowest),
		cmocka_unit_test(test_pace_agrees),
		cmocka_unit_test(test_pace_of_an_hour),
		cmocka_unit_test(test_series),
	};

	return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
