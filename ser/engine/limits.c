/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The limits: who gets in, and when all new connections have to wait. */
#include "ser/shared/limits.h"
#include "ser/engine/private.h"
#include "ser/shared/counters.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"
#include "ser/shared/shortage.h"

#include <errno.h>
#include <stdio.h>

enum {
	LOOK_AGAIN_MS = 50, /* while new connections wait */
};

/* Our own connections that SER has no record of yet. */
static long on_the_way(const struct engine *e)
{
	return (long)scoreboard_on_the_way(e->parts->engine, e->parts->process) +
	       (long)uring_server_ready(e->server);
}

/* No more than it may have: one that was taken over must not keep others from accepting. */
static long of_another(const struct engine *e, unsigned engine)
{
	long max = e->params->max_handshakes, handshakes = scoreboard_handshakes(engine),
	     ready = scoreboard_ready(engine);

	return (handshakes < max ? handshakes : max) + (ready < max ? ready : max);
}

/* These, our handshakes, and what the other engines have. */
static long coming(const struct engine *e)
{
	long n = (long)uring_server_handshakes(e->server) + on_the_way(e);

	for (unsigned i = 0; i < (unsigned)e->params->engines; i++)
		n += i == e->parts->engine ? 0 : of_another(e, i);
	return n;
}

static void log_refusal(const struct uring_peer *peer, enum counter limit, const char *words)
{
	static struct log_limit limits[COUNTERS];
	char text[URING_ADDRESS_TEXT];

	counters_add(limit);
	counters_add(COUNTER_REJECTS);
	uring_address_text(&peer->remote.any, text);
	ser_log_limited(&limits[limit], LOG_LEVEL_ERROR, "connection from %s refused: %s", text, words);
}

/*
 * Whether more than that many connections beside those whose handshakes are under way are too many. Where
 * they would not be without these handshakes, the first to go of them are sent away: strangers must not keep
 * others out. Returns the limit's counter with words, or -1.
 */
static int limit_holds(struct engine *e, long more, char words[LIMIT_TEXT])
{
	char unused[LIMIT_TEXT];
	int counter;

	while ((counter = limits_reached(coming(e) + more, words)) >= 0) {
		if (limits_reached(on_the_way(e) + more, unused) >= 0 || !uring_server_make_room(e->server))
			return counter;
	}
	return -1;
}

static void look_again(struct uring_op *op, int res)
{
	struct engine *e = (struct engine *)((char *)op - offsetof(struct engine, look_again));
	char words[LIMIT_TEXT];

	(void)res;
	e->waits = 0;
	if (!e->retired && (limit_holds(e, 0, words) < 0 || engine_wait(e)))
		uring_server_pause(e->server, 0);
}

int engine_wait(struct engine *e)
{
	e->pause = (struct __kernel_timespec){.tv_nsec = LOOK_AGAIN_MS * 1000000L};
	e->look_again.done = look_again;
	e->waits = !uring_timeout(e->loop, &e->look_again, &e->pause);
	return e->waits ? 0 : -EBUSY;
}

/*
 * Lets the next connections wait in the backlog, if that is the policy. Returns 1 if they wait from now on.
 */
static int hold_up(struct engine *e, const char *words)
{
	static struct log_limit limit;

	if (params_refuse_at_limit(e->params) || e->waits || engine_wait(e))
		return 0;
	uring_server_pause(e->server, 1);
	ser_log_limited(&limit, LOG_LEVEL_WARNING, "new connections have to wait: %s", words);
	return 1;
}

static int refuse(const struct uring_peer *peer, int counter, const char *words)
{
	log_refusal(peer, (enum counter)counter, words);
	return -EBUSY;
}

int engine_admit(void *arg, const struct uring_peer *peer)
{
	struct engine *e = arg;
	char words[LIMIT_TEXT];
	int counter = limit_holds(e, 0, words);

	/* Somebody else took the last place, or the kernel had already accepted this connection. */
	if (counter >= 0) {
		hold_up(e, words);
		return refuse(peer, counter, words);
	}
	counter = limits_source_reached(&peer->remote, e->params->max_connections_per_source, words);
	if (counter >= 0)
		return refuse(peer, counter, words);
	/* This may be the last one that fits. */
	counter = limit_holds(e, 1, words);
	if (counter >= 0 && hold_up(e, words))
		counters_add((enum counter)counter);
	return 0;
}

void engine_refused(void *arg, const struct uring_peer *peer)
{
	struct engine *e = arg;
	char words[LIMIT_TEXT];

	snprintf(words, sizeof(words), "max_handshakes (%d) are under way", e->params->max_handshakes);
	log_refusal(peer, COUNTER_LIMIT_HANDSHAKES, words);
}

void engine_evicted(void *arg, const struct uring_peer *peer, enum uring_eviction why, unsigned like_it)
{
	static struct log_limit limits[URING_EVICTIONS];
	const struct engine *e = arg;
	char remote[URING_ADDRESS_TEXT];

	counters_add(why == URING_EVICTED_SILENT ? COUNTER_EVICTED_SILENT : COUNTER_EVICTED_SLOW);
	uring_address_text(&peer->remote.any, remote);
	ser_log_limited(&limits[why], LOG_LEVEL_WARNING,
		"connection from %s closed to make room for others: its host has %u that %s, and places for "
		"handshakes are short (max_handshakes %d)",
		remote, like_it, why == URING_EVICTED_SILENT ? "send nothing" : "are slow",
		e->params->max_handshakes);
}

void engine_trouble(void *arg, int error, int for_good)
{
	static struct log_limit limit;

	(void)arg;
	if (!for_good)
		counters_add(COUNTER_ACCEPT_PAUSES);
	ser_log_limited(&limit, LOG_LEVEL_ERROR, "connections cannot be accepted%s: %s",
		for_good ? " any more on a listener, until SER is started again" : " for the moment",
		shortage_text(error));
}
