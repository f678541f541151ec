/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clock.h"

#include <time.h>

static struct timespec still;
static int stands;

int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);

int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	if (!stands || id != CLOCK_MONOTONIC)
		return __real_clock_gettime(id, t);
	*t = still;
	return 0;
}

void clock_stop(void)
{
	__real_clock_gettime(CLOCK_MONOTONIC, &still);
	stands = 1;
}

void clock_pass(int64_t ms)
{
	int64_t ns = still.tv_nsec + ms % 1000 * 1000000;

	still.tv_sec += ms / 1000 + ns / 1000000000;
	still.tv_nsec = ns % 1000000000;
}

void clock_go(void)
{
	stands = 0;
}
