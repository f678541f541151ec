/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log-linear histogram: exact below 64, then 32 steps per power of two (an error under 3.2 %). */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_LINEAR_BITS = 6,
	HISTOGRAM_VALUE_BITS = 36,
	HISTOGRAM_LINEAR = 1 << HISTOGRAM_LINEAR_BITS,
	HISTOGRAM_STEPS = HISTOGRAM_LINEAR / 2,
	HISTOGRAM_BUCKETS =
		HISTOGRAM_LINEAR + (HISTOGRAM_VALUE_BITS - HISTOGRAM_LINEAR_BITS) * HISTOGRAM_STEPS,
};

struct histogram {
	uint64_t buckets[HISTOGRAM_BUCKETS];
	uint64_t count;
	uint64_t max;
};

void histogram_add(struct histogram *h, uint64_t value);
/* The upper edge of the bucket up to which this share (0..1) of the values lies; 0 if there are none. */
uint64_t histogram_quantile(const struct histogram *h, double share);

#endif
