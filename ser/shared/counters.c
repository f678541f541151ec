/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/counters.h"

#include "ktls/alert.h"
#include "ser/host/layout.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *doc;
} counters[COUNTERS] = {
	[COUNTER_HANDSHAKES_OK] = {"handshakes_ok", "handshakes that led to a connection"},
	[COUNTER_HANDSHAKES_FAILED] = {"handshakes_failed", "handshakes that failed, for any reason"},
	[COUNTER_HANDSHAKES_TIMED_OUT] = {"handshakes_timed_out",
		"handshakes not finished within handshake_timeout; they are counted as failed, too"},
	[COUNTER_HANDSHAKES_RESUMED] = {"handshakes_resumed", "of handshakes_ok: resumed sessions"},
	[COUNTER_RECORDS_KERNEL] = {"records_kernel", "connections whose records the kernel protects"},
	[COUNTER_RECORDS_USER] = {"records_user", "connections whose records SER's processes protect"},
	[COUNTER_RECORDS_RELAYED] = {"records_relayed", "connections that an engine relays"},
	[COUNTER_USER_OFF] = {"user_ktls_off", "of records_user: ktls is 0 for the domain"},
	[COUNTER_USER_NOT_TAKEN] = {"user_not_taken",
		"of records_user: this kernel takes no keys of that suite and version"},
	[COUNTER_USER_NO_REKEY] = {"user_no_rekey",
		"of records_user: ktls_rekey_required, and this kernel cannot change keys"},
	[COUNTER_USER_REFUSED] = {"user_refused",
		"of records_user: the kernel refused keys that it should take"},
	[COUNTER_LIMIT_CONNECTIONS] = {"limit_connections",
		"times that tls_max_connections or tcp_max_connections held up a connection"},
	[COUNTER_LIMIT_HANDSHAKES] = {"limit_handshakes", "connections refused because of max_handshakes"},
	[COUNTER_LIMIT_SOURCE_HANDSHAKES] = {"limit_source_handshakes",
		"connections refused because of max_handshakes_per_source"},
	[COUNTER_LIMIT_SOURCE_CONNECTIONS] = {"limit_source_connections",
		"connections refused because of max_connections_per_source"},
	[COUNTER_LIMIT_MEMORY] = {"limit_memory", "times that low_mem_threshold1 held up a connection"},
	[COUNTER_LIMIT_QUEUE] = {"limit_queue", "times that tcp_main was too slow to take connections"},
	[COUNTER_ACCEPT_PAUSES] = {"accept_pauses",
		"times that no descriptor or memory was left for accept(), and it paused"},
	[COUNTER_RELAYS_LOST] = {"relays_lost", "relayed connections that ended without order"},
	[COUNTER_ENGINE_DEATHS] = {"engine_deaths", "engine processes that died and were replaced"},
	[COUNTER_CONNECTIONS_LOST] = {"connections_lost", "connections that the core did not take over"},
	[COUNTER_CONNECTS_OK] = {"connects_ok", "connections that SER opened and secured"},
	[COUNTER_CONNECTS_FAILED] = {"connects_failed",
		"connections that SER wanted and that could not be opened or secured"},
	[COUNTER_CONNECTS_RESUMED] = {"connects_resumed", "of connects_ok: resumed sessions"},
	[COUNTER_LOOKUPS] = {"lookups",
		"reads of selects and variables outside the connection's own process: each takes the core's "
		"lock"},
};

enum gauge {
	GAUGE_OPENED,
	GAUGE_HANDSHAKES,
	GAUGE_RELAYED,
	GAUGES
};

static const struct {
	const char *name, *doc;
} gauges[GAUGES] = {
	[GAUGE_OPENED] = {"opened_connections", "TLS connections that are open now"},
	[GAUGE_HANDSHAKES] = {"handshakes_under_way", "handshakes under way now"},
	[GAUGE_RELAYED] = {"relayed_connections", "connections that are relayed now"},
};

static uint16_t handles[COUNTERS + GAUGES];

enum {
	ALERTS_MAX = 64,
	ALERT_NAME = 64,
	DIRECTIONS = 2, /* 0: sent */
};

static struct {
	uint16_t handle;
	char name[ALERT_NAME];
} alerts[ALERTS_MAX][DIRECTIONS];
static unsigned alert_count;
static uint8_t alert_index[256]; /* by description; 0 is for those without a name */

static long read_gauge(uint16_t handle, void *which)
{
	struct host_tcp_gen_info tcp;
	long n = 0;

	(void)handle;
	if ((intptr_t)which == GAUGE_OPENED) {
		tcp_get_info(&tcp);
		return tcp.tls_connections_no;
	}
	for (int i = 0; i < SCOREBOARD_ENGINES_MAX; i++)
		n += (intptr_t)which == GAUGE_RELAYED ? scoreboard_engines[i].relayed
						      : scoreboard_engines[i].handshakes;
	return n;
}

/* Registers a pair. Descriptions that no RFC has share one. */
static int register_alert(unsigned index, const char *name)
{
	static const char *const directions[DIRECTIONS] = {"sent", "received"};
	int rc = 0;

	for (int i = 0; i < DIRECTIONS; i++) {
		snprintf(alerts[index][i].name, ALERT_NAME, "alert_%s_%s", directions[i], name);
		rc |= counter_register(&alerts[index][i].handle, "tls", alerts[index][i].name, 0, NULL, NULL,
			"fatal alerts of this name", 0);
	}
	return rc;
}

static int register_alerts(void)
{
	const char *name;
	int rc = register_alert(alert_count++, "other");

	for (int d = 0; d < 256 && alert_count < ALERTS_MAX; d++) {
		name = ktls_alert_name((uint8_t)d);
		if (ktls_alert_level((uint8_t)d) != KTLS_ALERT_FATAL || !strcmp(name, "unknown alert"))
			continue;
		alert_index[d] = (uint8_t)alert_count;
		rc |= register_alert(alert_count++, name);
	}
	return rc;
}

int counters_register(void)
{
	int rc = 0;

	for (int i = 0; i < COUNTERS; i++)
		rc |= counter_register(
			&handles[i], "tls", counters[i].name, 0, NULL, NULL, counters[i].doc, 0);
	for (intptr_t i = 0; i < GAUGES; i++)
		rc |= counter_register(&handles[COUNTERS + i], "tls", gauges[i].name, HOST_COUNTER_NO_RESET,
			read_gauge, (void *)i, gauges[i].doc, 0);
	rc |= register_alerts();
	if (rc)
		ser_log(LOG_LEVEL_ERROR, "the core does not take the module's counters");
	return rc ? -1 : 0;
}

void counters_add_core(uint16_t handle)
{
	__atomic_add_fetch(&_cnts_vals[process_no * _cnts_row_len + handle], 1, __ATOMIC_RELAXED);
}

void counters_add(enum counter counter)
{
	counters_add_core(handles[counter]);
}

void counters_add_alert(int received, uint8_t description)
{
	counters_add_core(alerts[alert_index[description]][received != 0].handle);
}

void counters_add_reject(void)
{
	counters_add_core(tcp_cnts_h.local_reject);
}

const char *counters_get(unsigned i, long *value)
{
	if (i < COUNTERS + GAUGES) {
		*value = counter_get_val(handles[i]);
		return i < COUNTERS ? counters[i].name : gauges[i - COUNTERS].name;
	}
	i -= COUNTERS + GAUGES;
	if (i >= alert_count * DIRECTIONS)
		return NULL;
	*value = counter_get_val(alerts[i / DIRECTIONS][i % DIRECTIONS].handle);
	return alerts[i / DIRECTIONS][i % DIRECTIONS].name;
}
