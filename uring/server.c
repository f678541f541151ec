/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The listeners, the limits and the time of all connections. A single one is server_conn.c's. */
#include "uring/server_private.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum {
	RETRY_MS = 100,       /* how long accepting rests when descriptors or memory are short */
	TIMER_GRAIN_MS = 100, /* a connection may live so much longer than its time */
};

static void listen_on(struct listener *l);

/* Not in seconds: who comes late in one would lose the rest of it. */
static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Every connection has the same time to live, so the oldest is always the next to end: one timer is enough.
 */
static void start_timer(struct uring_server *s)
{
	struct connection *oldest = TAILQ_FIRST(&s->connections);
	int64_t left;

	if (!oldest || s->timer_runs)
		return;
	left = oldest->deadline - now();
	left = left > TIMER_GRAIN_MS ? left : TIMER_GRAIN_MS;
	s->timer_span = (struct __kernel_timespec){.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
	s->timer_runs = !uring_timeout(s->loop, &s->timer, &s->timer_span);
}

static void timer_done(struct uring_op *op, int res)
{
	struct uring_server *s = (struct uring_server *)((char *)op - offsetof(struct uring_server, timer));
	struct connection *c;
	int64_t t = now();

	(void)res;
	s->timer_runs = 0;
	TAILQ_FOREACH(c, &s->connections, link)
	{
		if (c->deadline > t)
			break;
		/* Its operation ends now, and with it the connection; asking again where the ring was full is
		 * harmless. */
		c->timed_out = 1;
		uring_cancel(s->loop, &c->op);
	}
	start_timer(s);
}

int server_is_full(const struct uring_server *s)
{
	return s->connections_count >= s->config.max_handshakes;
}

static int may_accept(const struct uring_server *s)
{
	return !s->paused && (s->config.refuse_when_full || !server_is_full(s));
}

/* The idle ones accept again, one connection each at most. */
static void wake_listeners(struct uring_server *s)
{
	struct listener *l;

	LIST_FOREACH(l, &s->listeners, link)
	{
		if (l->idle && may_accept(s))
			listen_on(l);
	}
}

void server_watch(struct connection *c)
{
	struct uring_server *s = c->server;

	c->deadline = now() + (int64_t)s->config.handshake_timeout * 1000;
	TAILQ_INSERT_TAIL(&s->connections, c, link);
	s->connections_count++;
	start_timer(s);
}

void server_forget(struct connection *c)
{
	struct uring_server *s = c->server;

	TAILQ_REMOVE(&s->connections, c, link);
	s->connections_count--;
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
	/* Where not even that can be started, the next handshake that ends wakes the listener. */
	l->idle = uring_timeout(l->server->loop, &l->retry, &l->pause) != 0;
}

static void accepted(struct uring_op *op, int res)
{
	struct listener *l = (struct listener *)op;
	struct uring_server *s = l->server;
	int rc;

	switch (res) {
	case -EBADF:
	case -EINVAL:
	case -ENOTSOCK:
	case -EOPNOTSUPP:
		s->config.trouble(s->config.arg, res, 1);
		return;
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENOMEM:
		server_trouble(s, res);
		rest(l);
		return;
	default: /* a connection, an error of the one that was to be accepted (accept(2)), or a pause */
		rc = res >= 0 ? connection_start(l, res) : 0;
		if (rc)
			server_trouble(s, rc);
		else if (res >= 0)
			s->in_trouble = 0;
		listen_on(l);
	}
}

/* One accept at a time: the next is only asked for when its connection may start, so the backlog holds the
 * rest. */
static void listen_on(struct listener *l)
{
	struct uring_server *s = l->server;

	l->idle = !may_accept(s);
	if (l->idle)
		return;
	l->op.done = accepted;
	l->op.patient = 1;
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
	rc = config->max_handshakes_per_source ? uring_sources_new(&s->sources, config->max_handshakes) : 0;
	if (rc) {
		free(s);
		return rc;
	}
	s->loop = loop;
	s->config = *config;
	s->timer.done = timer_done;
	LIST_INIT(&s->listeners);
	TAILQ_INIT(&s->connections);
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

	if (server->paused == !!paused)
		return;
	server->paused = !!paused;
	if (!paused) {
		wake_listeners(server);
		return;
	}
	/* A listener whose accept is not cancelled, for it was faster or the ring is full, lets one more in.
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
	return server->paused && !server->connections_count && !uring_server_is_accepting(server);
}
