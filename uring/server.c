/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The listeners, the limits and the time of all connections. A single one is server_conn.c's. */
#include "uring/server_private.h"

#include "ktls/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	RETRY_MS = 100,  /* how long accepting rests when descriptors or memory are short */
	LOOK_MS = 100,   /* the same for looking whom to send away */
	SPARE_PART = 32, /* this part of the places is kept free: accepting needs no pause then */
	SPARE_MAX = 32,
	TRIES = 16,       /* who has spoken meanwhile is not sent away, but the next one */
	MIXED_MS = 60000, /* how long it counts that connections came from several hosts */
};

static void listen_on(struct listener *l);
static void wake_listeners(struct uring_server *s);

static struct connection *connection_of(struct uring_deadline *d)
{
	return (struct connection *)((char *)d - offsetof(struct connection, deadline));
}

/* Its operation ends now, and with it the connection. */
static int time_is_over(struct uring_deadline *d)
{
	struct connection *c = connection_of(d);

	c->timed_out = 1;
	return uring_cancel(c->server->loop, &c->op);
}

static int no_first_byte(struct uring_deadline *d)
{
	struct connection *c = connection_of(d);

	return uring_cancel(c->server->loop, &c->op);
}

static int look(struct uring_deadline *d)
{
	struct uring_server *s = (struct uring_server *)((char *)d - offsetof(struct uring_server, look));

	server_keep_spare(s);
	server_go_on_ending(s);
	return 0;
}

void server_look_soon(struct uring_server *s)
{
	uring_deadline_set(&s->looks, &s->look, LOOK_MS);
}

static void note_host(struct uring_server *s, uint64_t host, int64_t now)
{
	if (s->hosts && host != s->last_host)
		s->mixed = now;
	s->hosts = 1;
	s->last_host = host;
}

int server_seat(struct connection *c, const union uring_address *address)
{
	int64_t now = ktls_clock_ms();
	int rc = uring_places_take(c->server->places, &c->place, address, now);

	c->has_place = !rc;
	if (rc)
		return rc;
	c->op.owner = &c->place.source->turns;
	note_host(c->server, c->place.source->host, now);
	return 0;
}

void server_unseat(struct connection *c)
{
	if (c->has_place)
		uring_places_give_back(c->server->places, &c->place);
	c->has_place = 0;
	c->op.owner = NULL;
}

void server_note(struct connection *c, enum uring_stage stage)
{
	if (c->has_place)
		uring_places_move(c->server->places, &c->place, stage, ktls_clock_ms());
}

/* It is at the same stage as before until its operation has ended. */
static int send_away(struct connection *c)
{
	struct uring_server *s = c->server;

	if (!c->op.due && uring_cancel(s->loop, &c->op))
		return 0;
	if (c->op.due && c->op.patient)
		uring_hurry(s->loop, &c->op);
	c->op.patient = 0;
	c->like_it = c->place.source->crowds[c->place.stage].count;
	c->is_leaving = 1;
	s->leaving++;
	s->handshakes -= c->handshake != NULL;
	server_unseat(c);
	return 1;
}

int server_take_back(struct connection *c)
{
	struct uring_server *s = c->server;
	enum uring_stage stage = c->place.stage;

	if (server_seat(c, c->handshake ? &c->peer.remote : &c->peer.transport_remote))
		return -ENOMEM;
	server_note(c, stage == URING_STAGE_SILENT ? URING_STAGE_HELLO : stage);
	c->is_leaving = 0;
	s->leaving--;
	s->handshakes += c->handshake != NULL;
	wake_listeners(s); /* which may wait for its descriptor */
	return 0;
}

/*
 * What such a one has said waits for its turn behind what the others of its host have said. If all
 * connections come from one host, as behind a balancer, nobody else would have its place.
 */
static int is_over_share(const struct connection *c, int64_t now)
{
	const struct uring_server *s = c->server;
	unsigned share = s->config.max_handshakes_per_source;

	/* Before its PROXY header is read, a connection's host is the balancer. */
	return share && c->handshake && c->place.source->users > share && s->mixed &&
	       now - s->mixed < MIXED_MS;
}

int uring_server_make_room(struct uring_server *server)
{
	int64_t now = ktls_clock_ms();
	struct uring_place *first;

	for (int i = 0; i < TRIES && (first = uring_places_first(server->places, now)); i++) {
		struct connection *c =
			(struct connection *)((char *)first - offsetof(struct connection, place));

		if (!c->op.due)
			return send_away(c);
		if (is_over_share(c, now)) {
			c->makes_way = send_away(c);
			return c->makes_way;
		}
		server_note(c, first->stage == URING_STAGE_SILENT ? URING_STAGE_HELLO : first->stage);
	}
	return 0;
}

int server_make_way(struct uring_server *s, const union uring_address *newcomer)
{
	struct uring_place *first = uring_places_first_for(s->places, newcomer);
	struct connection *c;

	if (!first)
		return 0;
	c = (struct connection *)((char *)first - offsetof(struct connection, place));
	c->makes_way = send_away(c);
	return c->makes_way;
}

void server_keep_spare(struct uring_server *s)
{
	while (!s->paused && s->connections - s->ready - s->leaving + s->spare > s->config.max_handshakes) {
		if (!uring_server_make_room(s)) {
			server_look_soon(s);
			return;
		}
	}
}

int server_is_full(const struct uring_server *s)
{
	return s->connections - s->ready >= s->config.max_handshakes;
}

static int may_accept(const struct uring_server *s)
{
	/* Who comes now has the place of one that leaves: it is not refused. */
	return !s->paused && (!server_is_full(s) || (s->config.refuse_when_full && !s->leaving));
}

/* The idle ones accept again, one connection each at most. */
static void wake_listeners(struct uring_server *s)
{
	struct listener *next;

	for (struct listener *l = LIST_FIRST(&s->listeners); l; l = next) {
		next = LIST_NEXT(l, link); /* one that ends is freed */
		if (l->idle && may_accept(s))
			listen_on(l);
	}
}

void server_watch(struct connection *c)
{
	struct uring_server *s = c->server;

	s->connections++;
	uring_deadline_set(&s->deadlines, &c->deadline, (int64_t)s->config.handshake_timeout * 1000);
}

int server_await_first(struct connection *c)
{
	struct uring_server *s = c->server;

	if (!s->config.first_byte_ms || s->ready >= s->config.max_handshakes)
		return 0;
	if (s->config.max_ready_per_source) {
		c->waits_as = uring_sources_enter(s->ready_hosts, &c->peer.remote);
		if (!c->waits_as)
			return 0;
		if (c->waits_as->users > s->config.max_ready_per_source) {
			uring_sources_leave(c->waits_as);
			c->waits_as = NULL;
			return 0;
		}
	}
	uring_deadline_clear(&s->deadlines, &c->deadline);
	uring_deadline_set(&s->firsts, &c->deadline, s->config.first_byte_ms);
	c->is_ready = 1;
	s->ready++;
	s->handshakes--;
	wake_listeners(s);
	return 1;
}

void server_forget(struct connection *c)
{
	struct uring_server *s = c->server;

	server_unseat(c);
	uring_deadline_clear(c->is_ready ? &s->firsts : &s->deadlines, &c->deadline);
	s->connections--;
	if (c->waits_as)
		uring_sources_leave(c->waits_as);
	s->ready -= (unsigned)c->is_ready;
	s->leaving -= (unsigned)c->is_leaving;
	wake_listeners(s);
}

void server_trouble(struct uring_server *s, int error)
{
	if (s->in_trouble)
		return;
	s->in_trouble = 1;
	s->config.trouble(s->config.arg, error, 0);
}

static void retry_done(struct uring_op *op, int res)
{
	(void)res;
	listen_on((struct listener *)((char *)op - offsetof(struct listener, retry)));
}

static void rest(struct listener *l)
{
	l->pause = (struct __kernel_timespec){.tv_nsec = RETRY_MS * 1000000L};
	l->retry.done = retry_done;
	l->idle = 0;
	if (uring_timeout(l->server->loop, &l->retry, &l->pause))
		uring_again(l->server->loop, &l->retry);
}

static void accepted(struct uring_op *op, int res)
{
	struct listener *l = (struct listener *)op;
	struct uring_server *s = l->server;
	int rc;

	if (l->is_ending && (res < 0 || s->is_ending)) {
		if (res >= 0)
			close(res);
		server_end_listener(l);
		return;
	}
	switch (res) {
	case -EBADF:
	case -EINVAL:
	case -ENOTSOCK:
	case -EOPNOTSUPP:
		LIST_REMOVE(l, link);
		free(l);
		s->config.trouble(s->config.arg, res, 1);
		return;
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENOMEM:
		server_trouble(s, res);
		if (l->is_ending) { /* since trouble() was called */
			server_end_listener(l);
			return;
		}
		l->idle = uring_server_make_room(s);
		if (!l->idle)
			rest(l);
		return;
	case -EAGAIN: /* somebody has put the listener into non-blocking mode */
		rest(l);
		return;
	default: /* a connection, an error of the one that was to be accepted (accept(2)), or a pause */
		rc = res >= 0 ? connection_start(l, res) : 0;
		if (rc)
			server_trouble(s, rc);
		else if (res >= 0)
			s->in_trouble = 0;
		server_keep_spare(s);
		listen_on(l);
	}
}

/* One accept at a time: the next is only asked for when its connection may start, so the backlog holds the
 * rest. */
static void listen_on(struct listener *l)
{
	struct uring_server *s = l->server;

	if (l->is_ending) {
		server_end_listener(l);
		return;
	}
	l->idle = !may_accept(s);
	if (l->idle)
		return;
	l->op.done = accepted;
	l->remote_len = sizeof(l->remote);
	if (uring_accept(s->loop, &l->op, l->fd, &l->remote.any, &l->remote_len))
		rest(l);
}

int uring_server_new(
	struct uring_server **server, struct uring_loop *loop, const struct uring_server_config *config)
{
	struct uring_server *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	rc = uring_places_new(&s->places, config->max_handshakes, config->max_handshakes_per_source);
	if (!rc)
		rc = uring_sources_new(&s->ready_hosts, config->max_handshakes);
	if (rc) {
		uring_places_free(s->places);
		free(s);
		return rc;
	}
	s->loop = loop;
	s->config = *config;
	s->spare = config->max_handshakes / SPARE_PART;
	s->spare = s->spare > SPARE_MAX ? SPARE_MAX : s->spare ? s->spare : 1;
	uring_deadlines_init(&s->deadlines, loop, time_is_over);
	uring_deadlines_init(&s->firsts, loop, no_first_byte);
	uring_deadlines_init(&s->looks, loop, look);
	LIST_INIT(&s->listeners);
	*server = s;
	return 0;
}

int uring_server_listen(struct uring_server *server, int fd, void *listener)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->server = server;
	l->fd = fd;
	l->arg = listener;
	LIST_INSERT_HEAD(&server->listeners, l, link);
	listen_on(l);
	return 0;
}

void uring_server_pause(struct uring_server *server, int paused)
{
	struct listener *l;

	if (!paused && !server->paused)
		return;
	server->paused = !!paused;
	if (!paused) {
		wake_listeners(server);
		server_keep_spare(server);
		return;
	}
	/*
	 * A listener whose accept is not cancelled, for it was faster or the ring is full, lets one more in,
	 * unless the caller asks again.
	 */
	LIST_FOREACH(l, &server->listeners, link)
	{
		if (!l->idle)
			uring_cancel(server->loop, &l->op);
	}
}

unsigned uring_server_handshakes(const struct uring_server *server)
{
	return server->handshakes;
}

unsigned uring_server_ready(const struct uring_server *server)
{
	return server->ready;
}

int uring_server_is_accepting(const struct uring_server *server)
{
	const struct listener *l;

	LIST_FOREACH(l, &server->listeners, link)
	{
		if (!l->idle)
			return 1;
	}
	return 0;
}

int uring_server_is_quiet(const struct uring_server *server)
{
	return server->paused && !server->connections && !uring_server_is_accepting(server);
}
