/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The timetable of a constant rate: when each message is meant to be sent, whatever the server does. */
#ifndef BENCH_PACE_H
#define BENCH_PACE_H

#include <stdint.h>

struct pace {
	uint64_t start; /* nanoseconds of the monotonic clock: message 0 */
	uint32_t rate;  /* messages per second, above 0 */
};

/* When message index is meant to be sent. */
uint64_t pace_time(const struct pace *p, uint64_t index);
/* How many messages are meant to be sent up to now, that moment included. */
uint64_t pace_due(const struct pace *p, uint64_t now);

#endif
