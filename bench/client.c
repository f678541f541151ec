/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_LIMIT_NS (UINT64_C(10) * 1000000000)

static void fail(struct client *c, struct tally *t, enum fault fault, const char *reason)
{
	tally_fault(t, fault, reason);
	stream_reset(&c->stream);
	c->state = CLIENT_FAILED;
}

static void fail_opening(struct client *c, struct tally *t)
{
	fail(c, t, c->stream.state == STREAM_CONNECTING ? FAULT_CONNECT : FAULT_HANDSHAKE, c->stream.reason);
}

void client_open(struct client *c, const struct stream_setup *setup, int epoll, uint32_t id, uint32_t window,
	uint64_t nonce, struct tally *t)
{
	const struct options *o = setup->options;

	snprintf(c->call_id, sizeof(c->call_id), "%" PRIx64 "-%" PRIu32, nonce, id);
	c->request = (struct sip_request){
		.method = "OPTIONS",
		.to = o->to_text,
		.transport = o->tls ? "tls" : "tcp",
		.call_id = c->call_id,
		.body = (size_t)o->body,
	};
	c->window = window;
	c->since = calloc(window, sizeof(*c->since));
	c->out = malloc(SIP_HEADER_MAX + c->request.body);
	if (!c->out || !c->since)
		err(EXIT_FAILURE, "request buffer");
	c->state = CLIENT_OPENING;
	c->opened = now_ns();
	if (stream_open(&c->stream, setup, epoll, id) == STREAM_FAILED)
		fail_opening(c, t);
}

static void open_further(struct client *c, struct tally *t)
{
	enum stream_result result = stream_establish(&c->stream);

	if (result == STREAM_AGAIN)
		return;
	if (result != STREAM_OK) {
		fail_opening(c, t);
		return;
	}
	tally_session(t, c->stream.ssl);
	c->state = CLIENT_OPEN;
}

static void send_rest(struct client *c, struct tally *t)
{
	while (c->out_sent < c->out_size) {
		size_t put = 0;
		enum stream_result result =
			stream_write(&c->stream, c->out + c->out_sent, c->out_size - c->out_sent, &put);
		if (result == STREAM_AGAIN)
			return;
		if (result != STREAM_OK) {
			fail(c, t, FAULT_CLOSED, c->stream.reason);
			return;
		}
		c->out_sent += put;
	}
}

bool client_ready(const struct client *c)
{
	return c->state == CLIENT_OPEN && c->out_sent == c->out_size && client_outstanding(c) < c->window;
}

uint32_t client_outstanding(const struct client *c)
{
	return c->sent - c->answered;
}

void client_send(struct client *c, struct tally *t, uint64_t since)
{
	c->since[c->sent & (c->window - 1)] = since;
	c->sent++;
	c->out_size = sip_build(&c->request, c->sent, c->out);
	c->out_sent = 0;
	send_rest(c, t);
}

static void take_answer(struct client *c, struct tally *t, enum sip_verdict verdict)
{
	bool being_sent = client_outstanding(c) == 1 && c->out_sent < c->out_size;

	if (client_outstanding(c) == 0 || being_sent) {
		fail(c, t, FAULT_WRONG_ANSWER, "an answer came while no whole request was outstanding");
		return;
	}
	if (verdict == SIP_WRONG_ANSWER) {
		fail(c, t, FAULT_WRONG_ANSWER, "the Call-ID or CSeq is not that of the oldest request");
		return;
	}
	if (verdict == SIP_OK)
		tally_done(t, c->since[c->answered & (c->window - 1)], now_ns());
	else
		tally_fault(t, FAULT_WRONG_STATUS, "the status is not 200");
	c->answered++;
}

static void take_answers(struct client *c, struct tally *t)
{
	while (c->in_size && c->state != CLIENT_FAILED) {
		size_t used = 0;
		enum sip_verdict verdict = sip_check(&c->request, c->answered + 1, c->in, c->in_size, &used);
		if (verdict == SIP_INCOMPLETE && c->in_size < sizeof(c->in))
			return;
		if (verdict == SIP_INCOMPLETE || verdict == SIP_MALFORMED) {
			fail(c, t, FAULT_MALFORMED,
				verdict == SIP_MALFORMED ? "not a SIP answer" : "answer too long");
			return;
		}
		take_answer(c, t, verdict);
		c->in_size -= used;
		memmove(c->in, c->in + used, c->in_size);
	}
}

static void receive(struct client *c, struct tally *t)
{
	do {
		size_t got = 0;
		enum stream_result result =
			stream_read(&c->stream, c->in + c->in_size, sizeof(c->in) - c->in_size, &got);
		if (result == STREAM_AGAIN)
			return;
		if (result != STREAM_OK) {
			fail(c, t, FAULT_CLOSED, c->stream.reason);
			return;
		}
		c->in_size += got;
		take_answers(c, t);
	} while (c->state != CLIENT_FAILED && stream_pending(&c->stream));
}

void client_event(struct client *c, struct tally *t)
{
	if (c->state == CLIENT_FAILED)
		return;
	if (c->state == CLIENT_OPENING) {
		open_further(c, t);
		return;
	}
	send_rest(c, t);
	if (c->state != CLIENT_FAILED)
		receive(c, t);
}

static bool is_over(uint64_t since, uint64_t now, uint64_t limit)
{
	return now > since && now - since > limit;
}

void client_check_time(struct client *c, struct tally *t, uint64_t now, uint64_t answer_limit)
{
	if (c->state == CLIENT_OPENING && is_over(c->opened, now, OPEN_LIMIT_NS))
		fail(c, t, FAULT_TIMEOUT, "no connection in 10 s");
	if (c->state == CLIENT_OPEN && client_outstanding(c) &&
		is_over(c->since[c->answered & (c->window - 1)], now, answer_limit))
		fail(c, t, FAULT_TIMEOUT, "no answer in time");
}

void client_free(struct client *c)
{
	stream_finish(&c->stream);
	free(c->since);
	free(c->out);
	c->since = NULL;
	c->out = NULL;
}
