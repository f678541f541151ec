/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one clock. It only goes forward and does not follow changes of the time of day. */
#ifndef KTLS_CLOCK_H
#define KTLS_CLOCK_H

#include <stdint.h>
#include <time.h>

/*
 * Milliseconds since some moment before this process began; the same moment in all processes of the machine.
 */
static inline int64_t ktls_clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

#endif
