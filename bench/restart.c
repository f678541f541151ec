/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients beside a server that restarts: opens connections, asks once on each, and again at times if it is
 * told to. A byte on standard input says that the server is about to end: from then on a client whose
 * connection is gone comes back over a new one, as a phone does. When standard input ends, the server has
 * ended; each client then asks once more, so that no answer is the old server's.
 */
#include "client.h"
#include "loop.h"
#include "modes.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PER_SOURCE = 10000, /* connections from one source address, which has about 28,000 ports */
	/*
	 * Connections that open at a time when all come back. One thread says hello too late to more, and
	 * then it measures itself.
	 */
	OPENING_MAX = 500
};

#define ANSWER_LIMIT_NS (UINT64_C(60) * NS_PER_SEC)
#define RETRY_NS        (100 * NS_PER_MS)     /* before a client tries again */
#define FIRST_SOURCE    (INADDR_LOOPBACK + 1) /* 127.0.0.2 */

struct returner {
	struct client client;
	uint64_t retry_at; /* when it connects again; 0: it need not */
	uint64_t next;     /* when it asks again while nothing has happened yet */
	bool asked;        /* over the connection that it has */
	bool done;
};

struct restart {
	const struct options *options;
	struct loop loop;
	struct loop_part part;
	struct tally opened;  /* before the server is to end: connections that were asked once, */
	struct tally answers; /* answers, */
	struct tally kept; /* and of these the ones after all were open, to those that ask again at times */
	struct tally back; /* from then on: answers of the new server */
	struct tally lost; /* and connections that ended or were refused */
	struct returner *all;
	SSL_CTX *ctx;
	uint64_t nonce;
	uint64_t began; /* when the server was about to end */
	uint32_t begun;
	uint32_t handshakes; /* since then */
	uint32_t opening;    /* at the last look */
	bool all_open;
	bool ended; /* the old server */
};

static struct tally *counting(struct restart *r)
{
	if (r->began)
		return &r->lost;
	return r->all_open ? &r->kept : &r->answers;
}

static void begin(struct restart *r, uint32_t i)
{
	bool v4 = r->options->to.ss_family == AF_INET;
	struct stream_setup setup = {
		.options = r->options,
		.ctx = r->ctx,
		.source = v4 ? FIRST_SOURCE + i / PER_SOURCE : 0,
	};

	client_open(&r->all[i].client, &setup, r->loop.epoll, r->part.first + i, 1, r->nonce, counting(r));
}

static void ask(struct restart *r, struct returner *who, uint64_t since)
{
	who->asked = true;
	client_send(&who->client, counting(r), since);
}

static void note_answer(struct restart *r, struct returner *who)
{
	if (!who->asked || client_outstanding(&who->client))
		return;
	who->asked = false;
	if (!r->all_open) {
		tally_done(&r->opened, who->client.opened, now_ns());
	} else if (r->ended && !who->done) {
		who->done = true;
		tally_done(&r->back, r->began, now_ns());
	}
}

static void on_event(void *self, uint32_t index)
{
	struct restart *r = self;
	struct returner *who = &r->all[index];
	bool opening = who->client.state == CLIENT_OPENING;

	client_event(&who->client, counting(r));
	if (opening && who->client.state == CLIENT_OPEN) {
		r->handshakes += r->began != 0;
		tally_session(&r->opened, who->client.stream.ssl);
		if (!r->began || r->ended)
			ask(r, who, now_ns());
	}
	if (who->client.state == CLIENT_OPEN)
		note_answer(r, who);
}

static void come_back(struct restart *r, uint32_t i, uint64_t now)
{
	struct returner *who = &r->all[i];

	if (!who->retry_at) {
		who->retry_at = now + RETRY_NS;
	} else if (now >= who->retry_at && r->opening < OPENING_MAX) {
		r->opening++;
		client_free(&who->client);
		memset(&who->client, 0, sizeof(who->client));
		who->retry_at = 0;
		who->asked = false;
		begin(r, i);
	}
}

/* The latency counts from when it was due. */
static void keep_alive(struct restart *r, struct returner *who, uint64_t now)
{
	if (!who->next || now < who->next || who->asked || !client_ready(&who->client))
		return;
	ask(r, who, who->next);
	who->next += (uint64_t)r->options->every * NS_PER_SEC;
}

static void on_sweep(void *self, uint64_t now)
{
	struct restart *r = self;

	r->opening = 0;
	for (uint32_t i = 0; r->began && i < r->begun; i++)
		r->opening += r->all[i].client.state == CLIENT_OPENING;
	for (uint32_t i = 0; i < r->begun; i++) {
		struct returner *who = &r->all[i];
		client_check_time(&who->client, counting(r), now, ANSWER_LIMIT_NS);
		if (!r->began)
			keep_alive(r, who, now);
		else if (who->client.state == CLIENT_FAILED)
			come_back(r, i, now);
		else if (r->ended && !who->done && !who->asked && client_ready(&who->client))
			ask(r, who, now_ns());
	}
}

/* A few at a time, so that neither the backlog nor the server's limits get in the way. */
static void open_all(struct restart *r)
{
	while (!loop_stopped()) {
		uint64_t settled = r->opened.done + tally_errors(&r->answers);
		while (r->begun < r->part.connections && r->begun - settled < (uint64_t)r->options->parallel)
			begin(r, r->begun++);
		if (settled >= r->part.connections)
			return;
		loop_turn(&r->loop);
	}
}

/* Evenly spread over the time after which each asks again. */
static void begin_to_keep_alive(struct restart *r)
{
	uint64_t every = (uint64_t)r->options->every * NS_PER_SEC, now = now_ns();

	r->all_open = true;
	tally_start(&r->kept, "messages");
	for (uint32_t i = 0; every && i < r->begun; i++)
		r->all[i].next = now + every * (i + 1) / r->begun;
}

static enum loop_input wait_for_input(struct restart *r)
{
	enum loop_input input = LOOP_INPUT_NONE;

	while (!loop_stopped() && !input) {
		loop_turn(&r->loop);
		input = loop_input();
	}
	return input;
}

static void wait_for_the_end(struct restart *r)
{
	enum loop_input input = wait_for_input(r);

	tally_stop(&r->kept);
	r->began = now_ns();
	tally_start(&r->back, "answered");
	printf("{\"told\": true}\n");
	fflush(stdout);
	while (input == LOOP_INPUT_BYTE)
		input = wait_for_input(r);
	r->ended = true;
	for (uint32_t i = 0; i < r->begun; i++)
		r->all[i].asked = false; /* an answer that is on its way is the old server's */
}

static void wait_for_answers(struct restart *r)
{
	uint64_t end = now_ns() + (uint64_t)r->options->seconds * NS_PER_SEC;

	while (r->back.done < r->begun && now_ns() < end && !loop_stopped())
		loop_turn(&r->loop);
	tally_stop(&r->back);
}

static void init(struct restart *r, const struct options *o)
{
	*r = (struct restart){
		.options = o,
		.ctx = o->tls ? stream_context(o) : NULL,
		.nonce = now_ns(),
		.part = {.self = r, .event = on_event, .sweep = on_sweep},
	};
	r->part.connections = (uint32_t)o->connections;
	r->all = calloc(r->part.connections, sizeof(*r->all));
	if (!r->all)
		err(EXIT_FAILURE, "clients");
	loop_init(&r->loop);
	loop_add(&r->loop, &r->part);
	tally_start(&r->answers, "messages");
	tally_start(&r->opened, "opened");
	tally_start(&r->lost, "lost");
}

bool restart_run(const struct options *o)
{
	static struct restart r;

	init(&r, o);
	open_all(&r);
	tally_stop(&r.opened);
	begin_to_keep_alive(&r);
	printf("{\"ready\": true, \"up\": %u}\n", (unsigned)r.opened.done);
	fflush(stdout);
	wait_for_the_end(&r);
	wait_for_answers(&r);
	report_open(o, &r.opened);
	report_tally(NULL, &r.back);
	report_tally("opening", &r.opened);
	if (o->every)
		report_tally("kept", &r.kept);
	report_number("up", r.opened.done);
	report_number("handshakes", r.handshakes);
	for (uint32_t i = 0; i < r.begun; i++)
		client_free(&r.all[i].client);
	free(r.all);
	loop_free(&r.loop);
	SSL_CTX_free(r.ctx);
	return report_close() && r.back.done == r.part.connections;
}
