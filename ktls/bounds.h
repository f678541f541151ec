/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a peer may make us do without saying anything: records without content, and key changes. The bounds
 * are the same in every home of a connection's records.
 */
#ifndef KTLS_BOUNDS_H
#define KTLS_BOUNDS_H

#include <stdint.h>

#pragma GCC visibility push(default)

enum {
	KTLS_IDLE_RECORDS_MAX = 32,  /* in a row that carry no content */
	KTLS_KEY_UPDATES_MAX = 32,   /* of the peer within KTLS_KEY_UPDATE_PERIOD */
	KTLS_KEY_UPDATE_PERIOD = 60, /* seconds */
};

/* All zeros at first. */
struct ktls_bounds {
	uint8_t idle_records;  /* since the last content: whoever reads content sets it to 0 */
	uint8_t key_updates;   /* since update_period began */
	int64_t update_period; /* seconds of ktls_clock_ms() */
};

/* Counts records without content. Returns 1 when they are too many; the count does not grow any more then. */
int ktls_bounds_idle(struct ktls_bounds *b, uint64_t records);

/* Counts one KeyUpdate. Returns 1 when it is one too many. */
int ktls_bounds_key_update(struct ktls_bounds *b);

#pragma GCC visibility pop

#endif
