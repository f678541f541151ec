/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection from connect() to the end of its handshake, one operation at a time. */
#include "uring/client.h"

#include "uring/close.h"
#include "uring/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CHUNK = 2048, /* bytes that are read at once */
};

struct outgoing {
	struct uring_op op;             /* the one operation under way */
	struct uring_deadline deadline; /* of this phase */
	struct uring_client *client;
	struct uring_client_request request;
	struct ktls_handshake *handshake; /* NULL until it is connected */
	int timed_out;
	uint8_t chunk[CHUNK];
};

struct uring_client {
	struct uring_loop *loop;
	struct uring_client_config config;
	struct uring_deadlines deadlines; /* of all connections */
	unsigned count;
};

static void give_time(struct outgoing *o, unsigned seconds)
{
	uring_deadline_set(&o->client->deadlines, &o->deadline, (int64_t)seconds * 1000);
}

/* Its operation ends now, and with it the connection. */
static int out_of_time(struct uring_deadline *d)
{
	struct outgoing *o = (struct outgoing *)((char *)d - offsetof(struct outgoing, deadline));

	o->timed_out = 1;
	return uring_cancel(o->client->loop, &o->op);
}

/* In front of the callback that tells of it. */
static void forget(struct outgoing *o)
{
	uring_deadline_clear(&o->client->deadlines, &o->deadline);
	o->client->count--;
}

static void free_outgoing(struct outgoing *o)
{
	ktls_handshake_free(o->handshake);
	SSL_CTX_free(o->request.ctx);
	free(o);
}

static void end(struct outgoing *o, enum uring_client_failure why, int error, const char *reason)
{
	struct uring_client_config *config = &o->client->config;

	uring_close_politely(o->request.fd);
	forget(o);
	config->failed(config->arg, o->request.token, why, error, reason);
	free_outgoing(o);
}

static enum uring_client_failure kind_of(const struct outgoing *o, int error)
{
	switch (error) {
	case -ECONNREFUSED:
		return URING_CLIENT_REFUSED;
	case -ECONNRESET:
	case -EPIPE:
		return URING_CLIENT_RESET;
	case -ETIMEDOUT: /* the kernel's own patience */
		return o->handshake ? URING_CLIENT_HANDSHAKE_TIMEOUT : URING_CLIENT_CONNECT_TIMEOUT;
	case -ENOMEM:
	case -ENOBUFS:
	case -EBADF:
	case -ENOTSOCK:
	case -ENOTCONN:
		return URING_CLIENT_LOCAL;
	default:
		return URING_CLIENT_UNREACHABLE;
	}
}

static void end_with_errno(struct outgoing *o, const char *what, int error)
{
	char reason[128];

	snprintf(reason, sizeof(reason), "%s: %s", what, strerror(-error));
	end(o, kind_of(o, error), error, reason);
}

static void end_timed_out(struct outgoing *o)
{
	char reason[80];

	snprintf(reason, sizeof(reason),
		o->handshake ? "not finished within handshake_timeout (%u s)"
			     : "not connected within tcp_connect_timeout (%u s)",
		o->handshake ? o->request.handshake_timeout : o->request.connect_timeout);
	end(o, o->handshake ? URING_CLIENT_HANDSHAKE_TIMEOUT : URING_CLIENT_CONNECT_TIMEOUT, -ETIMEDOUT,
		reason);
}

static void end_overloaded(struct outgoing *o, int error)
{
	end(o, URING_CLIENT_LOCAL, error, "the engine is overloaded");
}

static void end_failed(struct outgoing *o)
{
	static const enum uring_client_failure kinds[] = {
		[KTLS_CAUSE_NONE] = URING_CLIENT_LOCAL,
		[KTLS_CAUSE_PROTOCOL] = URING_CLIENT_HANDSHAKE,
		[KTLS_CAUSE_CERTIFICATE] = URING_CLIENT_VERIFY,
		[KTLS_CAUSE_ENDED] = URING_CLIENT_ENDED,
		[KTLS_CAUSE_LOCAL] = URING_CLIENT_LOCAL,
	};

	end(o, kinds[ktls_handshake_cause(o->handshake)], 0, ktls_handshake_error(o->handshake));
}

static void advance(struct outgoing *o);

static void sent(struct uring_op *op, int res)
{
	struct outgoing *o = (struct outgoing *)op;

	if (o->timed_out)
		end_timed_out(o);
	else if (res == -EINTR)
		advance(o);
	else if (res < 0)
		end_with_errno(o, "sending failed", res);
	else {
		ktls_handshake_sent(o->handshake, (size_t)res);
		advance(o);
	}
}

static void received(struct uring_op *op, int res)
{
	struct outgoing *o = (struct outgoing *)op;

	if (o->timed_out)
		end_timed_out(o);
	else if (res == -EINTR)
		advance(o);
	else if (res < 0)
		end_with_errno(o, "receiving failed", res);
	else if (!res)
		end(o, URING_CLIENT_ENDED, 0, "the peer closed the connection during the handshake");
	else {
		ktls_handshake_feed(o->handshake, o->chunk, (size_t)res);
		advance(o);
	}
}

static void hand_over(struct outgoing *o)
{
	struct uring_client_config *config = &o->client->config;

	forget(o);
	config->established(config->arg, o->request.token, o->request.fd, o->handshake);
	free_outgoing(o);
}

/* Starts the one operation that comes next, or ends the connection. */
static void advance(struct outgoing *o)
{
	struct uring_loop *loop = o->client->loop;
	size_t want = ktls_handshake_want(o->handshake), len;
	const uint8_t *out = ktls_handshake_output(o->handshake, &len);
	int rc;

	if (len) {
		o->op.done = sent;
		o->op.patient = 0;
		rc = uring_send(loop, &o->op, o->request.fd, out, len);
	} else if (want) {
		o->op.done = received;
		o->op.patient = 1;
		rc = uring_recv(loop, &o->op, o->request.fd, o->chunk, want < CHUNK ? want : CHUNK);
	} else if (*ktls_handshake_error(o->handshake)) {
		end_failed(o);
		return;
	} else {
		hand_over(o);
		return;
	}
	if (rc)
		end_overloaded(o, rc);
}

static void shake_hands(struct outgoing *o)
{
	struct uring_client_config *config = &o->client->config;
	const char *why = "it cannot be prepared";
	int rc = 0;

	give_time(o, o->request.handshake_timeout);
	o->handshake = ktls_handshake_new(o->request.ctx, KTLS_CLIENT);
	if (!o->handshake) {
		end(o, URING_CLIENT_LOCAL, -ENOMEM, "out of memory");
		return;
	}
	if (config->begin)
		rc = config->begin(config->arg, o->request.token, o->handshake, &why);
	if (rc) {
		end(o, URING_CLIENT_LOCAL, rc, why);
		return;
	}
	ktls_handshake_start(o->handshake);
	advance(o);
}

/* 0 when fd is connected, else the negative errno that says why not. */
static int check_connected(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(int);
	int error;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return -errno;
	if (error)
		return -error;
	len = sizeof(peer);
	return getpeername(fd, (struct sockaddr *)&peer, &len) ? -errno : 0;
}

/* What io_uring and the answers to requests need. */
static int set_up(int fd)
{
	socklen_t len = sizeof(int);
	int flags = fcntl(fd, F_GETFL), on = 0;

	if (flags < 0 || (flags & O_NONBLOCK && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK)))
		return -errno;
	if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len))
		return -errno;
	if (on)
		return 0;
	on = 1;
	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ? -errno : 0;
}

static void connected(struct uring_op *op, int res)
{
	struct outgoing *o = (struct outgoing *)op;
	int rc = res < 0 ? res : check_connected(o->request.fd);

	if (o->timed_out) {
		end_timed_out(o);
		return;
	}
	if (res == -EINTR) {
		rc = uring_poll(o->client->loop, &o->op, o->request.fd, POLLOUT);
		if (rc)
			end_overloaded(o, rc);
		return;
	}
	if (!rc)
		rc = set_up(o->request.fd);
	if (rc)
		end_with_errno(o, "connecting failed", rc);
	else
		shake_hands(o);
}

int uring_client_new(
	struct uring_client **client, struct uring_loop *loop, const struct uring_client_config *config)
{
	struct uring_client *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->config = *config;
	uring_deadlines_init(&c->deadlines, loop, out_of_time);
	*client = c;
	return 0;
}

int uring_client_start(struct uring_client *client, const struct uring_client_request *request)
{
	struct outgoing *o = calloc(1, sizeof(*o));
	int rc = o ? 0 : -ENOMEM;

	if (o) {
		o->op.done = connected;
		o->op.patient = 1;
		rc = uring_poll(client->loop, &o->op, request->fd, POLLOUT);
	}
	if (rc) {
		close(request->fd);
		free(o);
		return rc;
	}
	o->client = client;
	o->request = *request;
	SSL_CTX_up_ref(request->ctx);
	give_time(o, request->connect_timeout);
	client->count++;
	return 0;
}

unsigned uring_client_count(const struct uring_client *client)
{
	return client->count;
}
