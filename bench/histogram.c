/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "histogram.h"

#define VALUE_MAX ((UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1)

static unsigned bucket_of(uint64_t value)
{
	if (value < HISTOGRAM_LINEAR)
		return (unsigned)value;
	unsigned top = 63 - (unsigned)__builtin_clzll(value);
	unsigned shift = top - (HISTOGRAM_LINEAR_BITS - 1);
	unsigned step = (unsigned)(value >> shift) - HISTOGRAM_STEPS;
	return HISTOGRAM_LINEAR + (shift - 1) * HISTOGRAM_STEPS + step;
}

static uint64_t upper_edge(unsigned bucket)
{
	if (bucket < HISTOGRAM_LINEAR)
		return bucket;
	unsigned shift = (bucket - HISTOGRAM_LINEAR) / HISTOGRAM_STEPS + 1;
	uint64_t step = (bucket - HISTOGRAM_LINEAR) % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
	return ((step + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
	if (value > VALUE_MAX)
		value = VALUE_MAX;
	if (value > h->max)
		h->max = value;
	h->buckets[bucket_of(value)]++;
	h->count++;
}

uint64_t histogram_quantile(const struct histogram *h, double share)
{
	uint64_t rank = (uint64_t)(share * (double)h->count + 0.5);
	uint64_t seen = 0;

	if (h->count == 0)
		return 0;
	if (rank == 0)
		rank = 1;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen < rank)
			continue;
		uint64_t edge = upper_edge(i);
		return edge < h->max ? edge : h->max;
	}
	return h->max;
}
