/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/limits.h"

#include "ser/shared/scoreboard.h"

#include <stdio.h>

enum {
	ON_THE_WAY_MAX = 1024,  /* connections that tcp_main has not taken over yet */
	CONNECTION_MEMORY = 18, /* KB of SER's shared memory for each connection */
	SOURCE_MIN = 256,       /* connections of one address that are no crowd in any case */
};

int limits_reached(long more, char words[LIMIT_TEXT])
{
	struct scoreboard_settings now = scoreboard_get_settings();
	struct scoreboard_load load = scoreboard_get_load();
	/* The core's own number of TLS connections does not include those that wait for tcp_main. */
	long tls = scoreboard_connections();

	if (tls + more >= now.max_tls_connections || (long)load.plain + tls + more >= now.max_connections) {
		snprintf(words, LIMIT_TEXT, "tls_max_connections (%d) or tcp_max_connections (%d) is reached",
			now.max_tls_connections, now.max_connections);
		return COUNTER_LIMIT_CONNECTIONS;
	}
	if (now.low_mem_threshold1 && load.free_memory < now.low_mem_threshold1 + more * CONNECTION_MEMORY) {
		snprintf(words, LIMIT_TEXT,
			"less than %d KB of shared memory are free (low_mem_threshold1): raise it with "
			"kamailio -m",
			now.low_mem_threshold1);
		return COUNTER_LIMIT_MEMORY;
	}
	if (tls - (long)load.tls >= ON_THE_WAY_MAX) {
		snprintf(words, LIMIT_TEXT, "SER's tcp_main does not keep up");
		return COUNTER_LIMIT_QUEUE;
	}
	return -1;
}

static long places_for_tls(void)
{
	struct scoreboard_settings now = scoreboard_get_settings();
	long left = now.max_connections - (long)scoreboard_get_load().plain;

	return left < now.max_tls_connections ? left : now.max_tls_connections;
}

/* Whether an address with so many must leave the places that are left to others. */
static int is_crowd(unsigned connections)
{
	long places = places_for_tls();

	return connections >= SOURCE_MIN && connections >= places / 4 &&
	       scoreboard_connections() >= places - places / 4;
}

int limits_source_reached(const union uring_address *remote, int max, char words[LIMIT_TEXT])
{
	struct scoreboard_source source = scoreboard_source_of(remote);
	unsigned connections = max ? scoreboard_source_connections(&source) : 0;

	if (max > 0 && connections >= (unsigned)max) {
		snprintf(words, LIMIT_TEXT, "it has max_connections_per_source (%d) connections", max);
		return COUNTER_LIMIT_SOURCE_CONNECTIONS;
	}
	if (max < 0 && is_crowd(connections)) {
		snprintf(words, LIMIT_TEXT,
			"it has %u connections, and most that SER may have are taken; if all come from it, "
			"set "
			"max_connections_per_source to 0",
			connections);
		return COUNTER_LIMIT_SOURCE_CONNECTIONS;
	}
	return -1;
}
