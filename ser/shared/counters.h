/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The module's counters, in the core's group "tls": they are read with kamcmd (counters.grp_get_all tls,
 * stats.fetch tls:) and by the core's exporters.
 *
 * Every counter is kept for each of the core's processes; an engine and its supervisor are one of them.
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
	COUNTER_CONNECTIONS_LOST,
	COUNTER_CONNECTS_OK,
	COUNTER_CONNECTS_FAILED,
	COUNTER_CONNECTS_RESUMED,
	/* Kept by processes that run scripts. */
	COUNTER_LOOKUPS,
	COUNTERS
};

/* Registers all; call it in mod_init(). Returns 0 or -1 with a log line. */
int counters_register(void);

void counters_add(enum counter counter);

/* A fatal alert: "alert_received_<name>" or "alert_sent_<name>", the name as ktls_alert_name() has it. */
void counters_add_alert(int received, uint8_t description);

/* One of the core's own, by its handle (tcp_cnts_h). */
void counters_add_core(uint16_t handle);

/* The core's own counter of connections that were refused. */
void counters_add_reject(void);

/* Name (static text) and value, over all processes, of counter i; counters and gauges; NULL past the end. */
const char *counters_get(unsigned i, long *value);

#endif
