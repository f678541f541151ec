/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Established traffic, first alone, then beside peers that request long answers and read none of them. */
#include "modes.h"
#include "traffic.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum peer_state {
	PEER_REST,
	PEER_OPENING,
	PEER_ASKING,  /* the server takes its requests */
	PEER_BLOCKED, /* the server has stopped taking them */
	PEER_CLOSED,  /* by the server */
};

struct stalled_peer {
	enum peer_state state;
	struct stream stream;
	struct sip_request request;
	char call_id[CALL_ID_MAX];
	uint64_t opened;
	uint32_t sent;
	char out[SIP_HEADER_MAX];
	size_t out_size;
	size_t out_sent;
};

struct crowd {
	const struct options *options;
	struct loop *loop;
	struct loop_part part;
	struct tally tally; /* of opening the peers */
	struct stalled_peer *peers;
	SSL_CTX *ctx;
	uint32_t begun; /* peers that were told to connect */
	bool stalling;
};

/* The server's route answers this method with a long body. */
static const char method[] = "MESSAGE";

static void open_peer(struct crowd *w, uint32_t index)
{
	struct stalled_peer *p = &w->peers[index];
	struct stream_setup setup = {.options = w->options, .ctx = w->ctx, .narrow = true};

	snprintf(p->call_id, sizeof(p->call_id), "stalled-%u", index);
	p->request = (struct sip_request){
		.method = method,
		.to = w->options->to_text,
		.transport = w->options->tls ? "tls" : "tcp",
		.call_id = p->call_id,
	};
	p->state = PEER_OPENING;
	p->opened = now_ns();
	if (stream_open(&p->stream, &setup, w->loop->epoll, w->part.first + index) == STREAM_FAILED) {
		tally_fault(&w->tally, FAULT_CONNECT, p->stream.reason);
		p->state = PEER_CLOSED;
	}
}

static void lose(struct stalled_peer *p)
{
	stream_reset(&p->stream);
	p->state = PEER_CLOSED;
}

static void open_further(struct crowd *w, struct stalled_peer *p)
{
	enum stream_result result = stream_establish(&p->stream);

	if (result == STREAM_AGAIN)
		return;
	if (result == STREAM_OK && stream_ignore_input(&p->stream) == STREAM_OK) {
		p->state = PEER_ASKING;
		w->tally.done++;
		return;
	}
	tally_fault(&w->tally, FAULT_HANDSHAKE, p->stream.reason);
	lose(p);
}

static void on_event(void *self, uint32_t index)
{
	struct crowd *w = self;
	struct stalled_peer *p = &w->peers[index];

	if (p->state == PEER_OPENING)
		open_further(w, p);
	else if (p->state == PEER_ASKING || p->state == PEER_BLOCKED)
		lose(p);
}

/* Sends one more request, or the rest of the last one. */
static void ask(struct stalled_peer *p)
{
	size_t put = 0;

	if (p->out_sent == p->out_size) {
		p->out_size = sip_build(&p->request, ++p->sent, p->out);
		p->out_sent = 0;
	}
	enum stream_result result =
		stream_write(&p->stream, p->out + p->out_sent, p->out_size - p->out_sent, &put);
	p->out_sent += put;
	p->state = result == STREAM_AGAIN ? PEER_BLOCKED : PEER_ASKING;
	if ((result != STREAM_OK && result != STREAM_AGAIN) || stream_ignore_input(&p->stream) != STREAM_OK)
		lose(p);
}

static void on_sweep(void *self, uint64_t now)
{
	struct crowd *w = self;

	/* One in each sweep, because this measures stalled peers, not a storm of handshakes. */
	if (w->stalling && w->begun < w->part.connections)
		open_peer(w, w->begun++);
	for (uint32_t i = 0; i < w->begun; i++) {
		struct stalled_peer *p = &w->peers[i];
		uint64_t due = (now - p->opened) * (uint64_t)w->options->peer_rate / NS_PER_SEC;
		if ((p->state == PEER_ASKING && p->sent < due) || p->state == PEER_BLOCKED)
			ask(p);
	}
}

static void crowd_init(struct crowd *w, const struct options *o, struct loop *l)
{
	*w = (struct crowd){
		.options = o,
		.loop = l,
		.ctx = o->tls ? stream_context(o) : NULL,
		.part = {.self = w, .event = on_event, .sweep = on_sweep},
	};
	w->peers = calloc((size_t)o->peers, sizeof(*w->peers));
	if (!w->peers)
		err(EXIT_FAILURE, "peers");
	w->part.connections = (uint32_t)o->peers;
	loop_add(l, &w->part);
	tally_start(&w->tally, "connections");
}

static uint64_t count(const struct crowd *w, enum peer_state state)
{
	uint64_t found = 0;

	for (int i = 0; i < w->options->peers; i++)
		found += w->peers[i].state == state;
	return found;
}

static void report_crowd(const struct crowd *w)
{
	uint64_t sent = 0;

	for (int i = 0; i < w->options->peers; i++)
		sent += w->peers[i].sent;
	report_number("peers", (uint64_t)w->options->peers);
	report_number("peers_opened", w->tally.done);
	report_number("peers_asking", count(w, PEER_ASKING));
	report_number("peers_blocked", count(w, PEER_BLOCKED));
	report_number("peers_closed", count(w, PEER_CLOSED));
	report_number("peers_requests", sent);
}

static void crowd_leave(struct crowd *w)
{
	w->stalling = false;
	for (uint32_t i = 0; i < w->begun; i++)
		lose(&w->peers[i]);
}

bool stalled_run(const struct options *o)
{
	static struct tally quiet, beside;
	static struct traffic tr;
	static struct crowd w;
	struct loop l;
	uint64_t phase = (uint64_t)o->seconds * NS_PER_SEC;

	loop_init(&l);
	tally_start(&quiet, "messages");
	traffic_open(&tr, o, &l, &quiet);
	crowd_init(&w, o, &l);
	tally_start(&quiet, "messages");
	loop_watch(&l, 0, &quiet);
	traffic_phase(&tr, &quiet);
	loop_run(&l, quiet.started + phase);
	tally_stop(&quiet);

	tally_start(&beside, "messages");
	loop_watch(&l, 0, &beside);
	traffic_phase(&tr, &beside);
	w.stalling = true;
	loop_run(&l, beside.started + phase);
	tally_stop(&beside);
	uint64_t answered = beside.done;

	report_open(o, &quiet);
	report_crowd(&w);
	/*
	 * Only now: whoever waits for a stalled peer is released, so the other answers come late, but they
	 * come.
	 */
	crowd_leave(&w);
	traffic_finish(&tr);
	report_tally("quiet", &quiet);
	report_tally("disturbed", &beside);
	report_number("answered_meanwhile", answered);
	report_number("unanswered", traffic_unanswered(&tr));
	if (o->rate)
		report_latency("sent_late_us", &tr.late);
	traffic_free(&tr);
	free(w.peers);
	SSL_CTX_free(w.ctx);
	loop_free(&l);
	return report_close() && quiet.done;
}
