/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who gets in, and when everybody has to wait. */
#include "ser/engine/private.h"
#include "ser/host/layout.h"
#include "ser/shared/counters.h"
#include "ser/shared/log.h"
#include "uring/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	ON_THE_WAY_MAX = 1024, /* connections that tcp_main has not taken yet */
	LOOK_AGAIN_MS = 50,    /* while everybody waits */
	LIMIT_TEXT = 160,
	CONNECTION_MEMORY = 18 * 1024, /* bytes of SER's shared memory that one takes */
};

/* Handshakes of all engines. */
static unsigned coming(const struct engine *e)
{
	unsigned n = uring_server_handshakes(e->server);

	for (int i = 0; i < e->params->engines; i++)
		if (&scoreboard_engines[i] != e->parts->board)
			n += __atomic_load_n(&scoreboard_engines[i].handshakes, __ATOMIC_RELAXED);
	return n;
}

/* Whether more than that many connections are too many. Returns the limit's counter with words, or -1. */
static int limit_reached(long more, char words[LIMIT_TEXT])
{
	struct scoreboard_settings now = scoreboard_get_settings();
	unsigned long threshold = (unsigned long)now.low_mem_threshold1 * 1024;
	unsigned long reserved = (unsigned long)more * CONNECTION_MEMORY;
	long tls = scoreboard_connections(), plain;
	struct host_tcp_gen_info info;

	/* Not the core's own number of TLS connections: what waits for tcp_main is not in it. */
	tcp_get_info(&info);
	plain = info.tcp_connections_no - info.tls_connections_no;
	if (plain < 0) /* the core takes a connection that ends off one after the other */
		plain = 0;
	if (tls + more >= now.max_tls_connections || plain + tls + more >= now.max_connections) {
		snprintf(words, LIMIT_TEXT, "tls_max_connections (%d) or tcp_max_connections (%d) is reached",
			now.max_tls_connections, now.max_connections);
		return COUNTER_LIMIT_CONNECTIONS;
	}
	if (tls - info.tls_connections_no >= ON_THE_WAY_MAX) {
		snprintf(words, LIMIT_TEXT, "SER's tcp_main does not keep up");
		return COUNTER_LIMIT_QUEUE;
	}
	if (threshold && _shm_root.xavailable(_shm_root.block) < threshold + reserved) {
		snprintf(words, LIMIT_TEXT,
			"less than %d KB of shared memory are free (low_mem_threshold1): raise it with "
			"kamailio -m",
			now.low_mem_threshold1);
		return COUNTER_LIMIT_MEMORY;
	}
	return -1;
}

static void log_refusal(const struct uring_peer *peer, const char *words)
{
	static struct log_limit limit;
	char text[URING_ADDRESS_TEXT];

	counters_add_reject();
	uring_address_text(&peer->remote.any, text);
	ser_log_limited(&limit, LOG_LEVEL_ERROR, "connection from %s refused: %s", text, words);
}

static void look_again(struct uring_op *op, int res)
{
	struct engine *e = (struct engine *)((char *)op - offsetof(struct engine, look_again));
	char words[LIMIT_TEXT];

	(void)res;
	e->waits = 0;
	if (!e->retired && (limit_reached(coming(e), words) < 0 || engine_wait(e)))
		uring_server_pause(e->server, 0);
}

int engine_wait(struct engine *e)
{
	e->pause = (struct __kernel_timespec){.tv_nsec = LOOK_AGAIN_MS * 1000000L};
	e->look_again.done = look_again;
	e->waits = !uring_timeout(e->loop, &e->look_again, &e->pause);
	return e->waits ? 0 : -EBUSY;
}

/* The next ones wait in the backlog, if that is the policy. Returns 1 when they do from now on. */
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
	counters_add((enum counter)counter);
	log_refusal(peer, words);
	return -EBUSY;
}

int engine_admit(void *arg, const struct uring_peer *peer)
{
	struct engine *e = arg;
	struct scoreboard_source source = scoreboard_source_of(&peer->remote);
	unsigned max = (unsigned)e->params->max_connections_per_source;
	char words[LIMIT_TEXT];
	int counter = limit_reached(coming(e), words);

	/* Others than ours took the last place, or it is one that the kernel had accepted already. */
	if (counter >= 0) {
		hold_up(e, words);
		return refuse(peer, counter, words);
	}
	if (max && scoreboard_source_connections(&source) >= max) {
		snprintf(words, sizeof(words), "it has max_connections_per_source (%u) connections", max);
		return refuse(peer, COUNTER_LIMIT_SOURCE_CONNECTIONS, words);
	}
	/* This may be the last one that fits. */
	counter = limit_reached((long)coming(e) + 1, words);
	if (counter >= 0 && hold_up(e, words))
		counters_add((enum counter)counter);
	return 0;
}

void engine_refused(void *arg, const struct uring_peer *peer, enum uring_refusal why)
{
	struct engine *e = arg;
	char words[LIMIT_TEXT];

	if (why == URING_REFUSED_SOURCE) {
		counters_add(COUNTER_LIMIT_SOURCE_HANDSHAKES);
		snprintf(words, sizeof(words), "it has max_handshakes_per_source (%d) handshakes under way",
			e->params->max_handshakes_per_source);
	} else {
		counters_add(COUNTER_LIMIT_HANDSHAKES);
		snprintf(
			words, sizeof(words), "max_handshakes (%d) are under way", e->params->max_handshakes);
	}
	log_refusal(peer, words);
}

void engine_trouble(void *arg, int error, int for_good)
{
	static struct log_limit limit;

	(void)arg;
	if (!for_good)
		counters_add(COUNTER_ACCEPT_PAUSES);
	ser_log_limited(&limit, LOG_LEVEL_ERROR, "connections cannot be accepted%s: %s%s",
		for_good ? " any more on a listener" : " for the moment", strerror(-error),
		error == -EMFILE ? "; raise the limit of open files (ulimit -n)" : "");
}
