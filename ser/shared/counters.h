/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The module's counters, which lie on the scoreboard; the host shows them as its group "tls"
 * (ser/manage/counters.h). Each engine process counts on its own page; all other processes share a row.
 */
#ifndef SER_SHARED_COUNTERS_H
#define SER_SHARED_COUNTERS_H

#include <stdint.h>

enum counter {
	COUNTER_HANDSHAKES_OK,
	COUNTER_HANDSHAKES_FAILED,
	COUNTER_HANDSHAKES_TIMED_OUT,
	COUNTER_HANDSHAKES_RESUMED,
	COUNTER_RECORDS_KERNEL,
	COUNTER_RECORDS_USER,
	COUNTER_RECORDS_RELAYED,
	COUNTER_USER_OFF,
	COUNTER_USER_NOT_TAKEN,
	COUNTER_USER_NO_REKEY,
	COUNTER_USER_REFUSED,
	COUNTER_LIMIT_CONNECTIONS,
	COUNTER_LIMIT_HANDSHAKES,
	COUNTER_LIMIT_SOURCE_HANDSHAKES,
	COUNTER_LIMIT_SOURCE_CONNECTIONS,
	COUNTER_LIMIT_MEMORY,
	COUNTER_LIMIT_QUEUE,
	COUNTER_ACCEPT_PAUSES,
	COUNTER_RELAYS_LOST,
	COUNTER_ENGINE_DEATHS,
	COUNTER_ENGINE_MESSAGES_REFUSED,
	COUNTER_CONNECTIONS_LOST,
	COUNTER_CONNECTS_OK,
	COUNTER_CONNECTS_FAILED,
	COUNTER_CONNECTS_RESUMED,
	/* Counted by processes that run scripts. */
	COUNTER_LOOKUPS,
	COUNTER_REJECTS, /* not in the group: these go to the core's local_reject */
	COUNTERS
};

/* Fatal alerts are counted by direction and description, at COUNTERS + 2 * counters_alert(d) + received. */
enum {
	COUNTER_ALERTS_MAX = 64,
	COUNTER_SLOTS = COUNTERS + 2 * COUNTER_ALERTS_MAX,
};

void counters_add(enum counter counter);

void counters_add_alert(int received, uint8_t description);

/* The number of a fatal alert; all alerts without a name share 0. */
unsigned counters_alert(uint8_t description);

/* For a process that has a row of its own (COUNTER_SLOTS). */
void counters_use(uint64_t *row);

#endif
