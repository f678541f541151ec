/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "traffic.h"

#include <err.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
	PACED_WINDOW = 1 << 14 /* a constant rate does not wait for answers */
};

#define CLOSED_LIMIT_NS (UINT64_C(5) * NS_PER_SEC)
/*
 * Long enough to wait for a server that hangs for its send timeout of 10 s twice, because that is measured.
 */
#define PACED_LIMIT_NS  (UINT64_C(30) * NS_PER_SEC)

static void send_now(struct traffic *tr, struct client *c, uint64_t since)
{
	client_send(c, tr->tally, since);
	if (tr->pace.rate)
		histogram_add(&tr->late, (now_ns() - since) / 1000);
}

/* Sends what this client may send now. */
static void pump(struct traffic *tr, uint32_t index)
{
	struct client *c = &tr->clients[index];
	uint64_t step = (uint64_t)tr->options->connections;

	if (!tr->pace.rate) {
		if (tr->sending && client_ready(c))
			send_now(tr, c, now_ns());
		return;
	}
	for (; tr->due[index] && client_ready(c); tr->due[index]--)
		send_now(tr, c, pace_time(&tr->pace, c->sent * step + index));
}

static void on_event(void *self, uint32_t index)
{
	struct traffic *tr = self;

	client_event(&tr->clients[index], tr->tally);
	pump(tr, index);
}

static void on_turn(void *self, uint64_t now)
{
	struct traffic *tr = self;

	if (!tr->sending || !tr->pace.rate)
		return;
	for (uint64_t due = pace_due(&tr->pace, now); tr->scheduled < due; tr->scheduled++) {
		uint32_t index = (uint32_t)(tr->scheduled % (uint64_t)tr->options->connections);
		tr->due[index]++;
		pump(tr, index);
	}
	loop_wake_at(tr->loop, pace_time(&tr->pace, tr->scheduled));
}

static void on_sweep(void *self, uint64_t now)
{
	struct traffic *tr = self;
	uint64_t limit = tr->options->rate ? PACED_LIMIT_NS : CLOSED_LIMIT_NS;

	for (int i = 0; i < tr->options->connections; i++)
		client_check_time(&tr->clients[i], tr->tally, now, limit);
}

static int count(const struct traffic *tr, enum client_state state)
{
	int found = 0;

	for (int i = 0; i < tr->options->connections; i++)
		found += tr->clients[i].state == state;
	return found;
}

static void allocate(struct traffic *tr, size_t connections)
{
	tr->clients = calloc(connections, sizeof(*tr->clients));
	tr->due = calloc(connections, sizeof(*tr->due));
	if (!tr->clients || !tr->due)
		err(EXIT_FAILURE, "clients");
}

void traffic_open(struct traffic *tr, const struct options *o, struct loop *l, struct tally *first)
{
	uint64_t nonce = now_ns();
	uint32_t window = o->rate ? PACED_WINDOW : 1;

	*tr = (struct traffic){
		.options = o,
		.loop = l,
		.tally = first,
		.ctx = o->tls ? stream_context(o) : NULL,
		.part = {.self = tr, .event = on_event, .turn = on_turn, .sweep = on_sweep},
	};
	allocate(tr, (size_t)o->connections);
	tr->part.connections = (uint32_t)o->connections;
	loop_add(l, &tr->part);
	if (getrandom(&nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
		warn("getrandom");
	struct stream_setup setup = {.options = o, .ctx = tr->ctx};
	for (uint32_t i = 0; i < tr->part.connections; i++)
		client_open(&tr->clients[i], &setup, l->epoll, tr->part.first + i, window, nonce, first);
	while (count(tr, CLIENT_OPENING) && !loop_stopped())
		loop_turn(l);
	for (int i = 0; i < o->connections; i++)
		tally_session(first, tr->clients[i].stream.ssl);
}

void traffic_phase(struct traffic *tr, struct tally *t)
{
	tr->tally = t;
	if (tr->sending)
		return;
	tr->sending = true;
	tr->pace = (struct pace){.start = now_ns(), .rate = (uint32_t)tr->options->rate};
	for (uint32_t i = 0; i < tr->part.connections; i++)
		pump(tr, i);
	on_turn(tr, now_ns());
}

static bool has_outstanding(const struct traffic *tr)
{
	for (int i = 0; i < tr->options->connections; i++)
		if (tr->clients[i].state == CLIENT_OPEN &&
			(client_outstanding(&tr->clients[i]) || tr->due[i]))
			return true;
	return false;
}

void traffic_finish(struct traffic *tr)
{
	tr->sending = false;
	while (has_outstanding(tr) && !loop_stopped())
		loop_turn(tr->loop);
}

bool traffic_alive(const struct traffic *tr)
{
	return count(tr, CLIENT_FAILED) < tr->options->connections;
}

uint64_t traffic_unanswered(const struct traffic *tr)
{
	uint64_t sum = 0;

	for (int i = 0; i < tr->options->connections; i++)
		sum += client_outstanding(&tr->clients[i]) + tr->due[i];
	return sum;
}

void traffic_free(struct traffic *tr)
{
	for (int i = 0; i < tr->options->connections; i++)
		client_free(&tr->clients[i]);
	free(tr->clients);
	free(tr->due);
	SSL_CTX_free(tr->ctx);
}
