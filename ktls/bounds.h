/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits on what a peer may make us do without sending content: records without content, and key changes.
 * They are the same wherever a connection's records live.
 */
#ifndef KTLS_BOUNDS_H
#define KTLS_BOUNDS_H

#include <stdint.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum {
	KTLS_IDLE_RECORDS_MAX = 32,  /* records in a row without content */
	KTLS_KEY_UPDATES_MAX = 32,   /* from the peer within KTLS_KEY_UPDATE_PERIOD */
	KTLS_KEY_UPDATE_PERIOD = 60, /* seconds */
};

/* Start with all bytes 0. */
struct ktls_bounds {
	uint8_t idle_records;  /* since the last content; whoever reads content resets it */
	uint8_t key_updates;   /* since update_period began */
	int64_t update_period; /* seconds of ktls_clock_ms() */
};

/* Counts records without content. Returns 1 if there are too many; the count then stops growing. */
int ktls_bounds_idle(struct ktls_bounds *b, uint64_t records);

/* Counts a KeyUpdate. Returns 1 if it is one too many. */
int ktls_bounds_key_update(struct ktls_bounds *b);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
