/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection from accept to the first byte behind its handshake, one operation at a time. */
#include "uring/close.h"
#include "uring/network_error.h"
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

	s->handshakes -= c->handshake && !c->is_leaving && !c->is_ready;
	ktls_handshake_free(c->handshake);
	server_forget(c);
	free(c);
}

static void end_connection(struct connection *c, enum uring_failure kind, const char *reason)
{
	uring_close_politely(c->fd);
	c->server->config.failed(c->server->config.arg, &c->peer, kind, reason);
	free_connection(c);
}

static void end_with_errno(struct connection *c, enum uring_failure kind, const char *what, int error)
{
	char reason[128];

	snprintf(reason, sizeof(reason), "%s: %s", what, uring_network_error(error));
	end_connection(c, kind, reason);
}

static void end_overloaded(struct connection *c)
{
	end_connection(c, URING_FAILED_OTHER, "the engine is overloaded");
}

/* The client closed the connection, or it broke. */
static void end_left(struct connection *c, const char *what, int error)
{
	enum uring_failure kind = c->has_spoken || c->header_len ? URING_FAILED_LEFT : URING_FAILED_PROBE;

	if (!error)
		end_connection(c, kind, what);
	else
		end_with_errno(c, error == -ECONNRESET ? kind : URING_FAILED_LEFT, what, error);
}

static void end_failed(struct connection *c)
{
	static const enum uring_failure kinds[] = {
		[KTLS_CAUSE_NONE] = URING_FAILED_OTHER,
		[KTLS_CAUSE_PROTOCOL] = URING_FAILED_OTHER,
		[KTLS_CAUSE_NOT_TLS] = URING_FAILED_NOT_TLS,
		[KTLS_CAUSE_NOTHING_SHARED] = URING_FAILED_NOTHING_SHARED,
		[KTLS_CAUSE_ALERT] = URING_FAILED_ALERT,
		[KTLS_CAUSE_CERTIFICATE] = URING_FAILED_CERTIFICATE,
		[KTLS_CAUSE_ENDED] = URING_FAILED_LEFT,
		[KTLS_CAUSE_LOCAL] = URING_FAILED_OTHER,
	};

	end_connection(c, kinds[ktls_handshake_cause(c->handshake)], ktls_handshake_error(c->handshake));
}

static void end_timed_out(struct connection *c)
{
	char reason[64];

	snprintf(reason, sizeof(reason), "%s within handshake_timeout (%u s)",
		c->handshake ? "not finished" : "no whole PROXY header", c->server->config.handshake_timeout);
	end_connection(c, URING_FAILED_TIMED_OUT, reason);
}

static void end_sent_away(struct connection *c, int said)
{
	struct uring_server_config *config = &c->server->config;
	enum uring_eviction why =
		c->place.stage == URING_STAGE_SILENT && !said ? URING_EVICTED_SILENT : URING_EVICTED_SLOW;

	uring_close_politely(c->fd);
	if (config->evicted)
		config->evicted(config->arg, &c->peer, why, c->like_it);
	free_connection(c);
}

/* Whatever its operation ended with, the connection ends. */
static int ends_anyway(struct connection *c, int res)
{
	if (c->server->is_ending) {
		end_connection(c, URING_FAILED_OTHER, "the server ends");
		return 1;
	}
	if (c->timed_out) {
		end_timed_out(c);
		return 1;
	}
	if (c->is_leaving && (res <= 0 || c->makes_way || server_take_back(c))) {
		end_sent_away(c, res > 0);
		return 1;
	}
	return 0;
}

static void advance(struct connection *c);

static void sent(struct uring_op *op, int res)
{
	struct connection *c = (struct connection *)op;
	struct uring_server *s = c->server;
	size_t left;

	if (ends_anyway(c, res))
		return;
	if (res < 0 && res != -EINTR) {
		end_left(c, "sending failed", res);
		return;
	}
	if (res > 0) {
		ktls_handshake_sent(c->handshake, (size_t)res);
		ktls_handshake_output(c->handshake, &left);
		if (!left) /* whoever takes a flight bit by bit gets no more time for it */
			server_note(c, URING_STAGE_ANSWERED);
	}
	advance(c);
	server_keep_spare(s);
}

static void received(struct uring_op *op, int res)
{
	struct connection *c = (struct connection *)op;
	struct uring_server *s = c->server;

	if (ends_anyway(c, res))
		return;
	if (!res || (res < 0 && res != -EINTR)) {
		end_left(c, res ? "receiving failed" : "the client closed the connection", res);
		return;
	}
	if (res > 0) {
		if (!c->has_spoken)
			server_note(c, URING_STAGE_HELLO);
		c->has_spoken = 1;
		ktls_handshake_feed(c->handshake, c->chunk, (size_t)res);
	}
	advance(c);
	server_keep_spare(s);
}

static void hand_over(struct connection *c)
{
	struct uring_server_config *config = &c->server->config;

	config->established(config->arg, &c->peer, c->fd, c->handshake);
	free_connection(c);
}

static void leave_unused(struct connection *c)
{
	struct uring_server_config *config = &c->server->config;

	close(c->fd);
	if (config->unused)
		config->unused(config->arg, &c->peer, c->handshake);
	free_connection(c);
}

/* The peer has ended its side or broken the connection: whether it had sent nothing before. */
static int was_silent(int fd)
{
	char byte;
	ssize_t n;

	do
		n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return !n || (n < 0 && errno != EAGAIN);
}

/* There is a first byte, or an end, or neither in time. */
static void has_first(struct uring_op *op, int res)
{
	struct connection *c = (struct connection *)op;

	if (c->server->is_ending)
		end_connection(c, URING_FAILED_OTHER, "the server ends");
	else if (res > 0 && res & (POLLRDHUP | POLLERR | POLLHUP) && was_silent(c->fd))
		leave_unused(c);
	else
		hand_over(c);
}

/*
 * It may not be sent away any more. The first byte is not patient: no signature follows, and it must not
 * queue behind those of others a second time.
 */
static void finish(struct connection *c)
{
	server_unseat(c);
	c->op.done = has_first;
	c->op.patient = 0;
	if (!server_await_first(c) || uring_poll(c->server->loop, &c->op, c->fd, POLLIN | POLLRDHUP))
		hand_over(c);
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
		end_failed(c);
		return;
	} else {
		finish(c);
		return;
	}
	if (rc)
		end_overloaded(c);
}

static void refuse(struct connection *c)
{
	close(c->fd);
	c->server->config.refused(c->server->config.arg, &c->peer);
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

	if (config->admit(config->arg, &c->peer))
		return drop(c, 0);
	if (c->was_full && !s->leaving && !server_make_way(s, &c->peer.remote)) {
		refuse(c);
		return 0;
	}
	if (server_seat(c, &c->peer.remote))
		return drop(c, -ENOMEM);
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
	struct uring_server *s = c->server;

	if (ends_anyway(c, res))
		return;
	if (res < 0 && res != -EINTR)
		end_with_errno(c, URING_FAILED_OTHER, "waiting for the PROXY header failed", res);
	else
		read_header(c);
	server_keep_spare(s);
}

static void await_header(struct connection *c)
{
	int rc;

	c->op.done = header_readable;
	c->op.patient = 0; /* it is cheap, and says who takes turns with whom */
	rc = uring_poll(c->server->loop, &c->op, c->fd, POLLIN);
	if (rc)
		end_overloaded(c);
}

static void use_header(struct connection *c, const struct uring_proxy_header *h)
{
	struct uring_server *s = c->server;
	int rc;

	if (h->proxied) {
		c->peer.remote = h->source;
		c->peer.local = h->destination;
		c->peer.proxied = 1;
	}
	c->header_len = 0;
	server_unseat(c);
	rc = shake_hands(c);
	if (rc)
		server_trouble(s, rc);
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
			end_left(c, "receiving failed", -errno);
		else
			end_left(c, "the client closed the connection before its PROXY header", 0);
		return;
	}
	whole = uring_proxy_header_parse(c->chunk, c->header_len + (size_t)n, &header, &why);
	if (whole < 0) {
		end_connection(c, URING_FAILED_HEADER, why);
		return;
	}
	len = whole ? (size_t)whole - c->header_len : (size_t)n;
	n = recv(c->fd, p, len, MSG_DONTWAIT);
	if (n != (ssize_t)len) {
		end_connection(c, URING_FAILED_OTHER, "receiving failed: bytes that were there are gone");
		return;
	}
	if (!c->header_len)
		server_note(c, URING_STAGE_HELLO);
	c->header_len += len;
	if (whole)
		use_header(c, &header);
	else
		await_header(c);
}

int connection_start(struct listener *l, int fd)
{
	struct uring_server *s = l->server;
	struct connection *c = malloc(sizeof(*c));
	socklen_t len = sizeof(c->peer.local);
	int full = s->config.refuse_when_full && server_is_full(s) && !s->leaving;

	if (!c) {
		close(fd);
		return -ENOMEM;
	}
	memset(c, 0, offsetof(struct connection, chunk));
	c->server = s;
	c->fd = fd;
	server_watch(c);
	c->peer.listener = l->arg;
	c->peer.remote = c->peer.transport_remote = l->remote;
	if (getsockname(fd, &c->peer.local.any, &len))
		return drop(c, 0);
	c->peer.transport_local = c->peer.local;
	if (full && !uring_places_first_for(s->places, &l->remote)) {
		refuse(c);
		return 0;
	}
	c->was_full = full && !s->config.proxy_header;
	if (!s->config.proxy_header)
		return shake_hands(c);
	if (full)
		server_make_way(s, &l->remote);
	if (server_seat(c, &c->peer.remote))
		return drop(c, -ENOMEM);
	await_header(c);
	return 0;
}
