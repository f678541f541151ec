/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "series.h"

#include <inttypes.h>
#include <stdio.h>

#define STEP_NS (UINT64_C(1000000) * SERIES_STEP_MS)

static void count(struct series *s, uint32_t *values, uint64_t passed)
{
	uint64_t step = passed / STEP_NS;

	if (step >= SERIES_STEPS)
		return;
	values[step]++;
	if (s->steps <= step)
		s->steps = (uint32_t)step + 1;
}

void series_done(struct series *s, uint64_t passed)
{
	count(s, s->done, passed);
}

void series_failed(struct series *s, uint64_t passed)
{
	count(s, s->failed, passed);
}

static void print_values(const char *name, const uint32_t *values, uint64_t steps)
{
	printf(", \"%s\": [", name);
	for (uint64_t i = 0; i < steps; i++)
		printf("%s%" PRIu32, i ? ", " : "", values[i]);
	printf("]");
}

void series_print(const struct series *s, uint64_t length)
{
	/* A step that has only just begun would look as if little was done in it. */
	uint64_t steps = length / STEP_NS;

	if (steps < s->steps)
		steps = s->steps;
	if (steps > SERIES_STEPS)
		steps = SERIES_STEPS;
	printf(", \"series\": {\"step_ms\": %d", SERIES_STEP_MS);
	print_values("done", s->done, steps);
	print_values("failed", s->failed, steps);
	printf("}");
}
