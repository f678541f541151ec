/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The schedule for a constant rate: when each message should be sent, whatever the server does. */
#ifndef BENCH_PACE_H
#define BENCH_PACE_H

#include <stdint.h>

struct pace {
	uint64_t start; /* when message 0 is due, in nanoseconds of the monotonic clock */
	uint32_t rate;  /* messages per second, above 0 */
};

/* When the message with this index should be sent. */
uint64_t pace_time(const struct pace *p, uint64_t index);
/* How many messages should have been sent by now, including this moment. */
uint64_t pace_due(const struct pace *p, uint64_t now);

#endif
