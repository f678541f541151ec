/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/engine_watch.h"

#include "ser/shared/counters.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"
#include "ser/supervisor/private.h"

#include <signal.h>

enum {
	TICKS_TO_STOP =
		20, /* in which it turns: idle ones turn four times a second, and stop in one or two turns */
};

/* Before its loop runs, an engine may open keys in a token, for which it has as long as at the start of SER.
 */
static unsigned patience_of(const struct engine_process *p)
{
	unsigned seconds = (unsigned)supervisor.parts.params->engine_patience;

	return !p->ran && seconds < SUPERVISOR_START_SECONDS ? SUPERVISOR_START_SECONDS : seconds;
}

static void end(const struct engine_process *p)
{
	counters_add(COUNTER_ENGINE_HANGS);
	ser_log(LOG_LEVEL_CRITICAL,
		"the TLS engine (process %d) hangs: it is killed, because it did nothing for %u seconds "
		"(engine_patience); connections that it relays and handshakes are lost, all others go on",
		(int)p->pid, patience_of(p));
	kill(p->pid, SIGKILL);
}

static void end_that_goes_on(const struct engine_process *p)
{
	counters_add(COUNTER_ENGINE_HANGS);
	ser_log(LOG_LEVEL_CRITICAL,
		"the TLS engine (process %d) is killed, because it did not stop accepting connections after a"
		" reload; it may have been taken over; connections that it relays and handshakes are lost, "
		"all others go on",
		(int)p->pid);
	kill(p->pid, SIGKILL);
}

static void look_at(struct engine_process *p)
{
	uint32_t beat = __atomic_load_n(&scoreboard_page(supervisor.index, p->page)->beat, __ATOMIC_RELAXED);

	p->ran |= beat != 0;
	if (!supervisor.parts.params->engine_patience)
		return;
	/* It must not win time by turning seldom. */
	if (p->retired && !p->stopped && p->stopping < TICKS_TO_STOP &&
		++p->told >= 2 * patience_of(p) * TICKS_A_SECOND) {
		p->stopping = TICKS_TO_STOP; /* once, even if it cannot die yet */
		end_that_goes_on(p);
		return;
	}
	if (beat == p->beat) {
		if (++p->silent == patience_of(p) * TICKS_A_SECOND) /* once, even if it cannot die yet */
			end(p);
		return;
	}
	p->beat = beat;
	p->silent = 0;
	if (p->retired && !p->stopped && ++p->stopping == TICKS_TO_STOP)
		end_that_goes_on(p);
}

void engine_watch(void)
{
	struct engine_process *p;

	TAILQ_FOREACH(p, &supervisor.engines, link)
	{
		if (p->pid)
			look_at(p);
	}
}
