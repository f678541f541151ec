/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The closed loop: connect all, exchange until the time is over, collect the last answers. */
#include "client.h"
#include "loop.h"
#include "modes.h"

#include <err.h>
#include <stdlib.h>
#include <sys/random.h>

/* How long after the last answer a surplus one is looked for. */
#define LINGER_NS (UINT64_C(200) * NS_PER_MS)

struct closed {
	const struct options *options;
	struct tally *tally;
	struct client *clients;
	struct loop loop;
	bool exchanging; /* an idle client sends its next request */
};

static int count(const struct closed *r, enum client_state state)
{
	int found = 0;

	for (int i = 0; i < r->options->clients; i++)
		found += r->clients[i].state == state;
	return found;
}

static void turn(struct closed *r)
{
	int events = loop_turn(&r->loop);

	for (int i = 0; i < events; i++) {
		struct client *c = &r->clients[r->loop.events[i].data.u32];
		client_event(c, r->tally);
		if (r->exchanging && c->state == CLIENT_IDLE)
			client_send(c, r->tally);
	}
	if (!r->loop.sweep)
		return;
	uint64_t now = now_ns();
	for (int i = 0; i < r->options->clients; i++)
		client_check_time(&r->clients[i], r->tally, now);
}

static void connect_all(struct closed *r, SSL_CTX *ctx)
{
	uint64_t nonce = now_ns();

	if (getrandom(&nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
		warn("getrandom");
	for (int i = 0; i < r->options->clients; i++)
		client_open(&r->clients[i], r->options, r->loop.epoll, (uint32_t)i, ctx, nonce, r->tally);
	while (count(r, CLIENT_OPENING) && !loop_stopped())
		turn(r);
}

static void exchange(struct closed *r)
{
	uint64_t end = now_ns() + (uint64_t)r->options->seconds * NS_PER_SEC;

	r->exchanging = true;
	for (int i = 0; i < r->options->clients; i++)
		if (r->clients[i].state == CLIENT_IDLE)
			client_send(&r->clients[i], r->tally);
	while (now_ns() < end && !loop_stopped()) {
		turn(r);
		/* Looked at in sweeps only: it walks all clients. */
		if (r->loop.sweep && count(r, CLIENT_FAILED) == r->options->clients)
			return;
	}
}

static void collect(struct closed *r)
{
	r->exchanging = false;
	while (count(r, CLIENT_BUSY))
		turn(r);
	loop_stop_clock(&r->loop);
	uint64_t end = now_ns() + LINGER_NS;
	while (now_ns() < end)
		turn(r);
}

void closed_run(const struct options *o, struct tally *t)
{
	struct closed r = {.options = o, .tally = t};
	SSL_CTX *ctx = o->tls ? stream_context(o) : NULL;

	r.clients = calloc((size_t)o->clients, sizeof(*r.clients));
	if (!r.clients)
		err(EXIT_FAILURE, "clients");
	loop_init(&r.loop, MODE_CLOSED, t);
	connect_all(&r, ctx);
	loop_start_clock(&r.loop);
	exchange(&r);
	collect(&r);
	for (int i = 0; i < o->clients; i++)
		client_free(&r.clients[i]);
	free(r.clients);
	loop_free(&r.loop);
	SSL_CTX_free(ctx);
}
