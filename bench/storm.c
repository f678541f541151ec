/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storm.h"

#include "modes.h"

#include <err.h>
#include <stdlib.h>

#define HANDSHAKE_LIMIT_NS (UINT64_C(5) * NS_PER_SEC)
#define TICKET_LIMIT_NS    (UINT64_C(200) * NS_PER_MS)
/* A pause after a failure, so that clients do not hammer a dead server in a busy loop. */
#define PAUSE_NS           (UINT64_C(100) * NS_PER_MS)

enum phase {
	PHASE_REST,
	PHASE_PAUSE,
	PHASE_HANDSHAKE,
	PHASE_TICKET
};

struct storm_client {
	enum phase phase;
	struct stream stream;
	uint64_t since; /* when the phase began */
	SSL_SESSION *session;
	bool has_ticket; /* this connection has received its session */
};

static void pause_after(struct storm *m, struct storm_client *c, enum fault fault, const char *reason)
{
	tally_fault(m->tally, fault, reason);
	stream_reset(&c->stream);
	SSL_SESSION_free(c->session);
	c->session = NULL;
	c->phase = PHASE_PAUSE;
	c->since = now_ns();
}

static void begin(struct storm *m, struct storm_client *c)
{
	uint32_t id = m->part.first + (uint32_t)(c - m->clients);
	struct stream_setup setup = {.options = m->options, .ctx = m->ctx, .session = c->session};

	c->phase = PHASE_HANDSHAKE;
	c->has_ticket = false;
	c->since = now_ns();
	if (stream_open(&c->stream, &setup, m->loop->epoll, id) == STREAM_FAILED)
		pause_after(m, c, FAULT_CONNECT, c->stream.reason);
	else if (m->ctx)
		SSL_set_app_data(c->stream.ssl, c);
}

static void begin_anew(struct storm *m, struct storm_client *c)
{
	if (m->options->plain_close)
		stream_finish(&c->stream);
	else
		stream_reset(&c->stream);
	begin(m, c);
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct storm_client *c = SSL_get_app_data(ssl);

	SSL_SESSION_free(c->session);
	c->session = session;
	c->has_ticket = true;
	return 1;
}

static void finished(struct storm *m, struct storm_client *c)
{
	uint64_t now = now_ns();

	tally_done(m->tally, c->since, now);
	tally_session(m->tally, c->stream.ssl);
	m->tally->resumed += m->ctx && SSL_session_reused(c->stream.ssl) == 1;
	/* TLS 1.3 sends the session after the handshake. */
	if (m->resume && !c->has_ticket && SSL_version(c->stream.ssl) == TLS1_3_VERSION) {
		c->phase = PHASE_TICKET;
		c->since = now;
		return;
	}
	begin_anew(m, c);
}

static void shake_hands(struct storm *m, struct storm_client *c)
{
	enum stream_result result = stream_establish(&c->stream);

	if (result == STREAM_AGAIN)
		return;
	if (result == STREAM_OK)
		finished(m, c);
	else
		pause_after(m, c, c->stream.state == STREAM_CONNECTING ? FAULT_CONNECT : FAULT_HANDSHAKE,
			c->stream.reason);
}

static void await_ticket(struct storm *m, struct storm_client *c)
{
	char byte;
	size_t got;
	enum stream_result result = stream_read(&c->stream, &byte, sizeof(byte), &got);

	if (result != STREAM_AGAIN || c->has_ticket)
		begin_anew(m, c);
}

static void on_event(void *self, uint32_t index)
{
	struct storm *m = self;
	struct storm_client *c = &m->clients[index];

	if (c->phase == PHASE_HANDSHAKE)
		shake_hands(m, c);
	if (c->phase == PHASE_TICKET)
		await_ticket(m, c);
}

static void check_time(struct storm *m, struct storm_client *c, uint64_t now)
{
	uint64_t waited = now > c->since ? now - c->since : 0;

	if (c->phase == PHASE_HANDSHAKE && waited > HANDSHAKE_LIMIT_NS)
		pause_after(m, c, FAULT_TIMEOUT, "no handshake in 5 s");
	else if (c->phase == PHASE_TICKET && waited > TICKET_LIMIT_NS)
		begin_anew(m, c);
	else if (c->phase == PHASE_PAUSE && waited > PAUSE_NS)
		begin(m, c);
}

static void on_sweep(void *self, uint64_t now)
{
	struct storm *m = self;

	for (int i = 0; i < m->options->parallel; i++)
		check_time(m, &m->clients[i], now);
}

static void allow_resumption(SSL_CTX *ctx, bool resume)
{
	SSL_CTX_set_session_cache_mode(
		ctx, resume ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
	if (resume)
		SSL_CTX_sess_set_new_cb(ctx, keep_session);
}

void storm_init(struct storm *m, const struct options *o, struct loop *l, struct tally *t)
{
	*m = (struct storm){
		.options = o,
		.loop = l,
		.tally = t,
		.ctx = o->tls ? stream_context(o) : NULL,
		.resume = o->mode == MODE_RESUME,
		.part = {.self = m, .event = on_event, .sweep = on_sweep},
	};
	m->clients = calloc((size_t)o->parallel, sizeof(*m->clients));
	if (!m->clients)
		err(EXIT_FAILURE, "clients");
	if (m->ctx)
		allow_resumption(m->ctx, m->resume);
	m->part.connections = (uint32_t)o->parallel;
	loop_add(l, &m->part);
}

void storm_begin(struct storm *m)
{
	for (int i = 0; i < m->options->parallel; i++)
		begin(m, &m->clients[i]);
}

void storm_free(struct storm *m)
{
	for (int i = 0; i < m->options->parallel; i++) {
		stream_reset(&m->clients[i].stream);
		SSL_SESSION_free(m->clients[i].session);
	}
	free(m->clients);
	SSL_CTX_free(m->ctx);
}

bool storm_run(const struct options *o)
{
	static struct tally t;
	struct loop l;
	struct storm m;

	loop_init(&l);
	storm_init(&m, o, &l, &t);
	tally_start(&t, "handshakes");
	loop_watch(&l, 0, &t);
	storm_begin(&m);
	loop_run(&l, t.started + (uint64_t)o->seconds * NS_PER_SEC);
	tally_stop(&t);
	storm_free(&m);
	loop_free(&l);
	report_open(o, &t);
	report_tally(NULL, &t);
	return report_close() && t.done;
}
