/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one clock: it only goes forward, and whatever the time of day becomes does not move it. */
#ifndef KTLS_CLOCK_H
#define KTLS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds since some moment before this process began; the same in all processes of the machine. */
static inline int64_t ktls_clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

#endif
