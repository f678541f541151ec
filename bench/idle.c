/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Idle clients: opens connections, sends one request on each, holds them, and reports how many stayed. */
#include "client.h"
#include "loop.h"
#include "modes.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PER_SOURCE = 10000 /* connections from one source address, which has about 28,000 ports */
};

#define ANSWER_LIMIT_NS (UINT64_C(10) * NS_PER_SEC)
#define FIRST_SOURCE    (INADDR_LOOPBACK + 1) /* 127.0.0.2 */

struct idle {
	const struct options *options;
	struct loop loop;
	struct loop_part part;
	struct tally exchange; /* the message on each */
	struct tally opened;
	struct client *clients;
	SSL_CTX *ctx;
	uint64_t nonce;
	uint32_t begun;
};

static void begin(struct idle *d)
{
	uint32_t i = d->begun++;
	bool v4 = d->options->to.ss_family == AF_INET;
	struct stream_setup setup = {
		.options = d->options,
		.ctx = d->ctx,
		.source = v4 ? FIRST_SOURCE + i / PER_SOURCE : 0,
	};

	client_open(&d->clients[i], &setup, d->loop.epoll, d->part.first + i, 1, d->nonce, &d->exchange);
}

static bool is_up(const struct client *c)
{
	return c->state == CLIENT_OPEN && c->answered;
}

static void on_event(void *self, uint32_t index)
{
	struct idle *d = self;
	struct client *c = &d->clients[index];
	bool was_up = is_up(c);

	client_event(c, &d->exchange);
	if (c->state == CLIENT_OPEN && !c->sent) {
		tally_session(&d->opened, c->stream.ssl);
		client_send(c, &d->exchange, now_ns());
	}
	if (!was_up && is_up(c))
		tally_done(&d->opened, c->opened, now_ns());
}

static void on_sweep(void *self, uint64_t now)
{
	struct idle *d = self;

	for (uint32_t i = 0; i < d->begun; i++)
		client_check_time(&d->clients[i], &d->exchange, now, ANSWER_LIMIT_NS);
}

static uint32_t count_up(const struct idle *d)
{
	uint32_t up = 0;

	for (uint32_t i = 0; i < d->begun; i++)
		up += is_up(&d->clients[i]);
	return up;
}

/* Opens all, a few at a time, so that neither the backlog nor the server's limits get in the way. */
static void open_all(struct idle *d)
{
	while (!loop_stopped()) {
		uint64_t settled = d->opened.done + tally_errors(&d->exchange);
		while (d->begun < d->part.connections && d->begun - settled < (uint64_t)d->options->parallel)
			begin(d);
		if (settled >= d->part.connections)
			return;
		loop_turn(&d->loop);
	}
}

static void hold(struct idle *d)
{
	uint64_t end = now_ns() + (uint64_t)d->options->seconds * NS_PER_SEC;

	while (now_ns() < end && !loop_stopped() &&
		!(d->options->until_eof && loop_input() == LOOP_INPUT_END))
		loop_turn(&d->loop);
}

static void init(struct idle *d, const struct options *o)
{
	*d = (struct idle){
		.options = o,
		.ctx = o->tls ? stream_context(o) : NULL,
		.nonce = now_ns(),
		.part = {.self = d, .event = on_event, .sweep = on_sweep},
	};
	d->part.connections = (uint32_t)o->connections;
	d->clients = calloc(d->part.connections, sizeof(*d->clients));
	if (!d->clients)
		err(EXIT_FAILURE, "clients");
	loop_init(&d->loop);
	loop_add(&d->loop, &d->part);
	tally_start(&d->exchange, "messages");
	tally_start(&d->opened, "opened");
	loop_watch(&d->loop, 0, &d->opened);
}

bool idle_run(const struct options *o)
{
	static struct idle d;

	init(&d, o);
	open_all(&d);
	tally_stop(&d.opened);
	uint32_t up = count_up(&d);
	printf("{\"ready\": true, \"up\": %u}\n", up);
	fflush(stdout);
	hold(&d);
	memcpy(d.opened.faults, d.exchange.faults, sizeof(d.opened.faults));
	uint32_t stayed = count_up(&d);
	report_open(o, &d.opened);
	report_tally(NULL, &d.opened);
	report_number("up", up);
	report_number("stayed", stayed);
	for (uint32_t i = 0; i < d.begun; i++)
		client_free(&d.clients[i]);
	free(d.clients);
	loop_free(&d.loop);
	SSL_CTX_free(d.ctx);
	return report_close() && stayed == d.part.connections;
}
