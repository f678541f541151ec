/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection from accept to the end of its handshake, one operation at a time. */
#include "uring/close.h"
#include "uring/server_private.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void free_connection(struct connection *c)
{
	struct uring_server *s = c->server;

	if (c->counted)
		uring_sources_remove(s->sources, &c->peer.remote);
	if (c->handshake)
		s->handshakes--;
	ktls_handshake_free(c->handshake);
	server_forget(c);
	free(c);
}

static void end_connection(struct connection *c, const char *reason)
{
	uring_close_politely(c->fd);
	c->server->config.failed(c->server->config.arg, &c->peer, reason, c->timed_out);
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

	snprintf(reason, sizeof(reason), "%s within handshake_timeout (%u s)",
		c->handshake ? "not finished" : "no whole PROXY header", c->server->config.handshake_timeout);
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
		c->op.patient = 0;
		rc = uring_send(loop, &c->op, c->fd, out, len);
	} else if (want) {
		c->op.done = received;
		c->op.patient = 1;
		rc = uring_recv(loop, &c->op, c->fd, c->chunk, want < CHUNK ? want : CHUNK);
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

static void refuse(struct connection *c, enum uring_refusal why)
{
	close(c->fd);
	c->server->config.refused(c->server->config.arg, &c->peer, why);
	free_connection(c);
}

static int drop(struct connection *c, int rc)
{
	close(c->fd);
	free_connection(c);
	return rc;
}

/* The connection's ends are known: asks whether it may shake hands, and begins. Returns 0, or -ENOMEM when it
 * was closed for that. */
static int shake_hands(struct connection *c)
{
	struct uring_server *s = c->server;
	struct uring_server_config *config = &s->config;

	if (s->sources &&
		uring_sources_get(s->sources, &c->peer.remote) >= config->max_handshakes_per_source) {
		refuse(c, URING_REFUSED_SOURCE);
		return 0;
	}
	if (config->admit(config->arg, &c->peer))
		return drop(c, 0);
	if (s->sources && uring_sources_add(s->sources, &c->peer.remote))
		return drop(c, -ENOMEM);
	c->counted = s->sources != NULL;
	c->handshake = ktls_handshake_new(config->context(config->arg, &c->peer), KTLS_SERVER);
	if (!c->handshake)
		return drop(c, -ENOMEM);
	s->handshakes++;
	if (config->begin)
		config->begin(config->arg, &c->peer, c->handshake);
	advance(c);
	return 0;
}

static void read_header(struct connection *c);

static void header_readable(struct uring_op *op, int res)
{
	struct connection *c = (struct connection *)op;

	if (c->timed_out)
		end_timed_out(c);
	else if (res < 0 && res != -EINTR)
		end_with_errno(c, "waiting for the PROXY header failed", res);
	else
		read_header(c);
}

static void await_header(struct connection *c)
{
	int rc;

	c->op.done = header_readable;
	c->op.patient = 1;
	rc = uring_poll(c->server->loop, &c->op, c->fd, POLLIN);
	if (rc)
		end_with_errno(c, "the engine is overloaded", rc);
}

static void use_header(struct connection *c, const struct uring_proxy_header *h)
{
	int rc;

	if (h->proxied) {
		c->peer.remote = h->source;
		c->peer.local = h->destination;
		c->peer.proxied = 1;
	}
	rc = shake_hands(c);
	if (rc)
		server_trouble(c->server, rc);
}

/* Looks at what there is before it takes the header's bytes, and only those: what follows is for others. */
static void read_header(struct connection *c)
{
	uint8_t *p = c->chunk + c->header_len;
	ssize_t n = recv(c->fd, p, CHUNK - c->header_len, MSG_PEEK | MSG_DONTWAIT), whole;
	struct uring_proxy_header header;
	const char *why;
	size_t len;

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		await_header(c);
		return;
	}
	if (n <= 0) {
		if (n)
			end_with_errno(c, "receiving failed", -errno);
		else
			end_connection(c, "the client closed the connection before its PROXY header");
		return;
	}
	whole = uring_proxy_header_parse(c->chunk, c->header_len + (size_t)n, &header, &why);
	if (whole < 0) {
		end_connection(c, why);
		return;
	}
	len = whole ? (size_t)whole - c->header_len : (size_t)n;
	n = recv(c->fd, p, len, MSG_DONTWAIT);
	if (n != (ssize_t)len) {
		end_connection(c, "receiving failed: bytes that were there are gone");
		return;
	}
	c->header_len += len;
	if (whole)
		use_header(c, &header);
	else
		await_header(c);
}

int connection_start(struct listener *l, int fd)
{
	struct uring_server *s = l->server;
	struct connection *c = calloc(1, sizeof(*c));
	socklen_t len = sizeof(c->peer.local);
	int full = s->config.refuse_when_full && server_is_full(s);

	if (!c) {
		close(fd);
		return -ENOMEM;
	}
	c->server = s;
	c->fd = fd;
	server_watch(c);
	c->peer.listener = l->arg;
	c->peer.remote = c->peer.transport_remote = l->remote;
	if (getsockname(fd, &c->peer.local.any, &len))
		return drop(c, 0);
	c->peer.transport_local = c->peer.local;
	if (full) {
		refuse(c, URING_REFUSED_HANDSHAKES);
		return 0;
	}
	if (!s->config.proxy_header)
		return shake_hands(c);
	await_header(c);
	return 0;
}
