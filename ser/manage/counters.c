/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/manage/counters.h"

#include "ktls/alert.h"
#include "ser/host/layout.h"
#include "ser/host/services.h"
#include "ser/shared/counters.h"
#include "ser/shared/expiries.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *doc;
} counters[COUNTERS] = {
	[COUNTER_HANDSHAKES_OK] = {"handshakes_ok", "handshakes that succeeded"},
	[COUNTER_HANDSHAKES_FAILED] = {"handshakes_failed", "handshakes that failed, for any reason"},
	[COUNTER_HANDSHAKES_TIMED_OUT] = {"handshakes_timed_out",
		"handshakes not finished within handshake_timeout; they are counted as failed, too"},
	[COUNTER_PROBES] = {"probes",
		"connections that the client closed before it sent a byte, as health checks do; they are not "
		"counted as failed"},
	[COUNTER_EVICTED_SILENT] = {"evicted_silent",
		"connections that had sent nothing, closed because places for handshakes were short"},
	[COUNTER_EVICTED_SLOW] = {"evicted_slow", "slow handshakes, closed for the same reason"},
	[COUNTER_HANDSHAKES_RESUMED] = {"handshakes_resumed", "of handshakes_ok: resumed sessions"},
	[COUNTER_HANDSHAKES_UNUSED] = {"handshakes_unused",
		"of handshakes_ok: the client left before it sent a byte, and SER never saw the connection"},
	[COUNTER_RECORDS_KERNEL] = {"records_kernel", "connections whose records the kernel protects"},
	[COUNTER_RECORDS_USER] = {"records_user", "connections whose records SER's processes protect"},
	[COUNTER_RECORDS_RELAYED] = {"records_relayed", "connections that an engine relays"},
	[COUNTER_USER_OFF] = {"user_ktls_off", "of records_user: ktls is 0 for the domain"},
	[COUNTER_USER_NOT_TAKEN] = {"user_not_taken",
		"of records_user: this kernel takes no keys of that suite and version"},
	[COUNTER_USER_NO_REKEY] = {"user_no_rekey",
		"of records_user: ktls_rekey_required, and this kernel cannot change keys"},
	[COUNTER_USER_FRAGMENTS] = {"user_fragments",
		"of records_user: the peer takes short records only, and this kernel cannot limit their "
		"length"},
	[COUNTER_USER_REFUSED] = {"user_refused",
		"of records_user: the kernel refused keys that it should take"},
	[COUNTER_LIMIT_CONNECTIONS] = {"limit_connections",
		"times that tls_max_connections or tcp_max_connections held up a connection"},
	[COUNTER_LIMIT_HANDSHAKES] = {"limit_handshakes", "connections refused because of max_handshakes"},
	[COUNTER_LIMIT_SOURCE_CONNECTIONS] = {"limit_source_connections",
		"connections refused because of max_connections_per_source"},
	[COUNTER_LIMIT_MEMORY] = {"limit_memory", "times that low_mem_threshold1 held up a connection"},
	[COUNTER_LIMIT_QUEUE] = {"limit_queue", "times that tcp_main was too slow to take connections"},
	[COUNTER_ACCEPT_PAUSES] = {"accept_pauses",
		"times that no descriptor or memory was left for accept(), and it paused"},
	[COUNTER_RELAYS_LOST] = {"relays_lost", "relayed connections that ended without order"},
	[COUNTER_ENGINE_DEATHS] = {"engine_deaths", "engine processes that died and were replaced"},
	[COUNTER_ENGINE_HANGS] = {"engine_hangs",
		"engine processes that were silent for engine_patience; they were ended and replaced"},
	[COUNTER_SUPERVISOR_HANGS] = {"supervisor_hangs", "times that a supervisor process fell silent"},
	[COUNTER_ENGINE_MESSAGES_REFUSED] = {"engine_messages_refused",
		"messages of an engine that were refused; it was ended and replaced"},
	[COUNTER_CONNECTIONS_LOST] = {"connections_lost", "connections that the core did not take over"},
	[COUNTER_CONNECTS_OK] = {"connects_ok", "connections that SER opened and secured"},
	[COUNTER_CONNECTS_FAILED] = {"connects_failed",
		"connections that SER wanted and that could not be opened or secured"},
	[COUNTER_CONNECTS_RESUMED] = {"connects_resumed", "of connects_ok: resumed sessions"},
	[COUNTER_TAKEN_BACK] = {"taken_back", "connections that go on after a restart of SER"},
	[COUNTER_NOT_TAKEN_BACK] = {"not_taken_back",
		"connections that the keeper gave back and that had to be closed"},
	[COUNTER_LOOKUPS] = {"lookups",
		"reads of selects and variables outside the connection's own process: each takes the core's "
		"lock"},
};

enum gauge {
	GAUGE_OPENED,
	GAUGE_HANDSHAKES,
	GAUGE_RELAYED,
	GAUGE_CERTIFICATE_DAYS,
	GAUGE_CRL_DAYS,
	GAUGES
};

static const struct {
	const char *name, *doc;
} gauges[GAUGES] = {
	[GAUGE_OPENED] = {"opened_connections", "TLS connections that are open now"},
	[GAUGE_HANDSHAKES] = {"handshakes_under_way", "handshakes under way now"},
	[GAUGE_RELAYED] = {"relayed_connections", "connections that are relayed now"},
	[GAUGE_CERTIFICATE_DAYS] = {"certificate_days",
		"days until the first certificate expires; 0: less than one, or it has expired"},
	[GAUGE_CRL_DAYS] = {"crl_days", "the same for revocation lists"},
};

enum {
	ALERT_NAME = 64,
	DIRECTIONS = 2, /* 0: sent */
};

static struct {
	uint16_t handle;
	char name[ALERT_NAME];
} slots[COUNTER_SLOTS]; /* no name: no such alert */

static uint16_t gauge_handles[GAUGES];

/*
 * What was counted since somebody last asked is added to the core's own number, so that the core can reset
 * that to 0.
 */
static long read_counter(uint16_t handle, void *which)
{
	unsigned slot = (unsigned)(intptr_t)which;
	uint64_t sum = scoreboard_sum(slot);

	host_count_more(handle, (long)(sum - scoreboard_exchange_known(slot, sum)));
	return counter_get_raw_val(handle);
}

static long read_gauge(uint16_t handle, void *which)
{
	struct host_tcp_gen_info tcp;
	long n = 0;

	(void)handle;
	if ((intptr_t)which == GAUGE_CERTIFICATE_DAYS || (intptr_t)which == GAUGE_CRL_DAYS)
		return expiries_days((intptr_t)which == GAUGE_CRL_DAYS);
	if ((intptr_t)which == GAUGE_OPENED) {
		tcp_get_info(&tcp);
		return tcp.tls_connections_no;
	}
	for (unsigned i = 0; i < SCOREBOARD_ENGINES_MAX; i++)
		n += (intptr_t)which == GAUGE_RELAYED ? scoreboard_relayed(i) : scoreboard_handshakes(i);
	return n;
}

static int register_slot(unsigned slot, const char *name, const char *doc)
{
	snprintf(slots[slot].name, sizeof(slots[slot].name), "%s", name);
	return counter_register(&slots[slot].handle, "tls", slots[slot].name, 0, read_counter,
		(void *)(intptr_t)slot, doc, 0);
}

/* Registers a pair of counters. Alerts that no RFC names share one. */
static int register_alert(unsigned number, const char *name)
{
	static const char *const directions[DIRECTIONS] = {"sent", "received"};
	char text[ALERT_NAME];
	int rc = 0;

	for (unsigned i = 0; i < DIRECTIONS; i++) {
		snprintf(text, sizeof(text), "alert_%s_%s", directions[i], name);
		rc |= register_slot(COUNTERS + DIRECTIONS * number + i, text, "fatal alerts of this name");
	}
	return rc;
}

static int register_alerts(void)
{
	int rc = register_alert(0, "other");

	for (unsigned d = 0; d < 256; d++)
		if (counters_alert((uint8_t)d))
			rc |= register_alert(counters_alert((uint8_t)d), ktls_alert_name((uint8_t)d));
	return rc;
}

int counters_register(void)
{
	int rc = 0;

	for (unsigned i = 0; i < COUNTERS; i++)
		if (counters[i].name)
			rc |= register_slot(i, counters[i].name, counters[i].doc);
	for (intptr_t i = 0; i < GAUGES; i++)
		rc |= counter_register(&gauge_handles[i], "tls", gauges[i].name, HOST_COUNTER_NO_RESET,
			read_gauge, (void *)i, gauges[i].doc, 0);
	rc |= register_alerts();
	if (rc)
		ser_log(LOG_LEVEL_ERROR, "the core does not take the module's counters");
	return rc ? -1 : 0;
}

const char *counters_get(unsigned i, long *value)
{
	if (i < GAUGES) {
		*value = counter_get_val(gauge_handles[i]);
		return gauges[i].name;
	}
	for (unsigned slot = 0, n = GAUGES; slot < COUNTER_SLOTS; slot++) {
		if (!slots[slot].name[0] || n++ != i)
			continue;
		*value = counter_get_val(slots[slot].handle);
		return slots[slot].name;
	}
	return NULL;
}
