/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was done and what failed in each tenth of a second, for plots over time. */
#ifndef BENCH_SERIES_H
#define BENCH_SERIES_H

#include <stdint.h>

enum {
	SERIES_STEP_MS = 100,
	SERIES_STEPS = 37000 /* the longest phase, and the wait for its last answers */
};

struct series {
	uint32_t steps; /* the steps counted so far, from 0 on */
	uint32_t done[SERIES_STEPS];
	uint32_t failed[SERIES_STEPS];
};

/* Counts one at this many nanoseconds after the start; anything beyond the last step is left out. */
void series_done(struct series *s, uint64_t passed);
void series_failed(struct series *s, uint64_t passed);
/* Prints the JSON object on stdout, with zeros up to this many nanoseconds after the start. */
void series_print(const struct series *s, uint64_t length);

#endif
