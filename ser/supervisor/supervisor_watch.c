/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/supervisor_watch.h"

#include "ser/host/layout.h"
#include "ser/shared/counters.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"

#include <signal.h>

enum {
	PERIOD_SECONDS = 1,
	SAID_AFTER = 5, /* seconds */
	SAID_AGAIN_AFTER = 60,
};

static const struct params *params;
static uint32_t beats[SCOREBOARD_ENGINES_MAX];

static void say(unsigned index, const struct scoreboard_engine *e)
{
	if (e->silent == SAID_AFTER)
		counters_add(COUNTER_SUPERVISOR_HANGS);
	ser_log(LOG_LEVEL_CRITICAL,
		"the supervisor of TLS engine %u (process %d) has done nothing for %u seconds: no new "
		"connection comes from that engine, established ones go on",
		index, (int)e->supervisor, e->silent);
}

static void end(unsigned index, const struct scoreboard_engine *e)
{
	ser_log(LOG_LEVEL_CRITICAL,
		"SER ends, to be started again: the supervisor of TLS engine %u (process %d) is killed, "
		"because it did nothing for %u seconds (supervisor_patience)",
		index, (int)e->supervisor, e->silent);
	kill(e->supervisor, SIGKILL);
}

static int is_hopeless(const struct scoreboard_engine *e)
{
	return params->supervisor_patience && e->silent >= (unsigned)params->supervisor_patience &&
	       !__atomic_load_n(&e->loading, __ATOMIC_RELAXED);
}

/* Silence is counted in calls, so time during which this process did not run itself does not count. */
static void look_at(unsigned index, struct scoreboard_engine *e)
{
	uint32_t beat = __atomic_load_n(&e->beat, __ATOMIC_RELAXED);

	if (beat != beats[index] || !beat) {
		beats[index] = beat;
		__atomic_store_n(&e->silent, 0, __ATOMIC_RELAXED);
		return;
	}
	__atomic_add_fetch(&e->silent, PERIOD_SECONDS, __ATOMIC_RELAXED);
	if (is_hopeless(e))
		end(index, e);
	else if (e->silent % SAID_AGAIN_AFTER == SAID_AFTER)
		say(index, e);
}

static void look(unsigned ticks, void *arg)
{
	(void)ticks;
	(void)arg;
	for (unsigned i = 0; i < (unsigned)params->engines; i++)
		look_at(i, &scoreboard_engines[i]);
}

int supervisor_watch_start(const struct params *p)
{
	params = p;
	return register_timer(look, NULL, PERIOD_SECONDS) < 0 ? -1 : 0;
}
