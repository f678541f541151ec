/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring/server.h"

#include "uring/close.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

enum {
	READ_CHUNK = 4096,
	RETRY_MS = 100,       /* how long accepting rests when descriptors or memory are short */
	TIMER_GRAIN_MS = 100, /* a connection may live so much longer than its time */
};

struct connection {
	struct uring_op op;           /* the one operation under way */
	TAILQ_ENTRY(connection) link; /* in the order of deadlines */
	struct uring_server *server;
	struct uring_peer peer;
	struct ktls_handshake *handshake;
	int64_t deadline; /* CLOCK_MONOTONIC milliseconds */
	int fd;
	int timed_out;
	uint8_t chunk[READ_CHUNK];
};

struct listener {
	struct uring_op op;
	struct uring_op retry;
	struct __kernel_timespec pause;
	LIST_ENTRY(listener) link;
	struct uring_server *server;
	void *arg;
	int fd;
	int paused; /* waits for a handshake to end */
	union uring_address remote;
	socklen_t remote_len;
};

struct uring_server {
	struct uring_loop *loop;
	struct uring_server_config config;
	LIST_HEAD(, listener) listeners;
	TAILQ_HEAD(connections, connection) connections;
	unsigned handshakes;
	struct uring_op timer;
	struct __kernel_timespec timer_span;
	int timer_runs;
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

static void free_connection(struct connection *c)
{
	struct uring_server *s = c->server;
	struct listener *l;

	TAILQ_REMOVE(&s->connections, c, link);
	s->handshakes--;
	ktls_handshake_free(c->handshake);
	free(c);
	LIST_FOREACH(l, &s->listeners, link)
	{
		if (l->paused && s->handshakes < s->config.max_handshakes)
			listen_on(l);
	}
}

static void end_connection(struct connection *c, const char *reason)
{
	uring_close_politely(c->fd);
	c->server->config.failed(c->server->config.arg, &c->peer, reason);
	free_connection(c);
}

static void end_with_errno(struct connection *c, const char *what, int error)
{
	char reason[128];

	snprintf(reason, sizeof(reason), "%s: %s", what, strerror(-error));
	end_connection(c, reason);
}

static void end_timed_out(struct connection *c)
{
	char reason[64];

	snprintf(reason, sizeof(reason), "not finished within handshake_timeout (%u s)",
		c->server->config.handshake_timeout);
	end_connection(c, reason);
}

static void advance(struct connection *c);

static void sent(struct uring_op *op, int res)
{
	struct connection *c = (struct connection *)op;

	if (c->timed_out)
		end_timed_out(c);
	else if (res == -EINTR)
		advance(c);
	else if (res < 0)
		end_with_errno(c, "sending failed", res);
	else {
		ktls_handshake_sent(c->handshake, (size_t)res);
		advance(c);
	}
}

static void received(struct uring_op *op, int res)
{
	struct connection *c = (struct connection *)op;

	if (c->timed_out)
		end_timed_out(c);
	else if (res == -EINTR)
		advance(c);
	else if (res < 0)
		end_with_errno(c, "receiving failed", res);
	else if (!res)
		end_connection(c, "the client closed the connection");
	else {
		ktls_handshake_feed(c->handshake, c->chunk, (size_t)res);
		advance(c);
	}
}

static void hand_over(struct connection *c)
{
	struct uring_server_config *config = &c->server->config;

	config->established(config->arg, &c->peer, c->fd, c->handshake);
	free_connection(c);
}

/* Starts the one operation that comes next, or ends the connection. */
static void advance(struct connection *c)
{
	struct uring_loop *loop = c->server->loop;
	size_t want = ktls_handshake_want(c->handshake), len;
	const uint8_t *out = ktls_handshake_output(c->handshake, &len);
	int rc;

	if (len) {
		c->op.done = sent;
		rc = uring_send(loop, &c->op, c->fd, out, len);
	} else if (want) {
		c->op.done = received;
		rc = uring_recv(loop, &c->op, c->fd, c->chunk, want < READ_CHUNK ? want : READ_CHUNK);
	} else if (*ktls_handshake_error(c->handshake)) {
		end_connection(c, ktls_handshake_error(c->handshake));
		return;
	} else {
		hand_over(c);
		return;
	}
	if (rc)
		end_with_errno(c, "the engine is overloaded", rc);
}

static void start_connection(struct listener *l, int fd)
{
	struct uring_server *s = l->server;
	struct connection *c = calloc(1, sizeof(*c));
	socklen_t len = sizeof(c->peer.local);

	if (!c) {
		close(fd);
		s->config.trouble(s->config.arg, -ENOMEM, 0);
		return;
	}
	c->server = s;
	c->fd = fd;
	c->peer.listener = l->arg;
	c->peer.remote = l->remote;
	if (getsockname(fd, &c->peer.local.any, &len) || s->config.admit(s->config.arg, &c->peer)) {
		close(fd);
		free(c);
		return;
	}
	c->handshake = ktls_handshake_new(s->config.context(s->config.arg, &c->peer), KTLS_SERVER);
	if (!c->handshake) {
		close(fd);
		free(c);
		s->config.trouble(s->config.arg, -ENOMEM, 0);
		return;
	}
	c->deadline = now() + (int64_t)s->config.handshake_timeout * 1000;
	TAILQ_INSERT_TAIL(&s->connections, c, link);
	s->handshakes++;
	start_timer(s);
	advance(c);
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
	l->paused = uring_timeout(l->server->loop, &l->retry, &l->pause) != 0;
}

static void accepted(struct uring_op *op, int res)
{
	struct listener *l = (struct listener *)op;
	struct uring_server *s = l->server;

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
		s->config.trouble(s->config.arg, res, 0);
		rest(l);
		return;
	default: /* a connection, or an error of the one that was to be accepted: accept(2) */
		if (res >= 0)
			start_connection(l, res);
		listen_on(l);
	}
}

/* One accept at a time: the next is only asked for when its connection may start, so the backlog holds the
 * rest. */
static void listen_on(struct listener *l)
{
	struct uring_server *s = l->server;

	l->paused = s->handshakes >= s->config.max_handshakes;
	if (l->paused)
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

	if (!s)
		return -ENOMEM;
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

unsigned uring_server_handshakes(const struct uring_server *server)
{
	return server->handshakes;
}
