/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client's connection from connect() to the end of its handshake, one operation at a time. */
#include "uring/client.h"

#include "uring/close.h"
#include "uring/deadline.h"
#include "uring/network_error.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	CHUNK = 2048, /* bytes that are read at once */
};

struct client_conn {
	struct uring_op op;             /* the one operation under way */
	struct uring_deadline deadline; /* the current phase's */
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

static void give_time(struct client_conn *c, unsigned seconds)
{
	uring_deadline_set(&c->client->deadlines, &c->deadline, (int64_t)seconds * 1000);
}

/* Its operation ends now, which ends the connection. */
static int out_of_time(struct uring_deadline *d)
{
	struct client_conn *c = (struct client_conn *)((char *)d - offsetof(struct client_conn, deadline));

	c->timed_out = 1;
	return uring_cancel(c->client->loop, &c->op);
}

/* Called before the callback that reports it. */
static void forget(struct client_conn *c)
{
	uring_deadline_clear(&c->client->deadlines, &c->deadline);
	c->client->count--;
}

static void free_connection(struct client_conn *c)
{
	ktls_handshake_free(c->handshake);
	SSL_CTX_free(c->request.ctx);
	free(c);
}

static void end(struct client_conn *c, enum uring_client_failure why, int error, const char *reason)
{
	struct uring_client_config *config = &c->client->config;

	uring_close_politely(c->request.fd);
	forget(c);
	config->failed(config->arg, c->request.token, why, error, reason);
	free_connection(c);
}

static enum uring_client_failure kind_of(const struct client_conn *c, int error)
{
	switch (error) {
	case -ECONNREFUSED:
		return URING_CLIENT_REFUSED;
	case -ECONNRESET:
	case -EPIPE:
		return URING_CLIENT_RESET;
	case -ETIMEDOUT: /* the kernel's own timeout */
		return c->handshake ? URING_CLIENT_HANDSHAKE_TIMEOUT : URING_CLIENT_CONNECT_TIMEOUT;
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

static void end_with_errno(struct client_conn *c, const char *what, int error)
{
	char reason[128];

	snprintf(reason, sizeof(reason), "%s: %s", what, uring_network_error(error));
	end(c, kind_of(c, error), error, reason);
}

static void end_timed_out(struct client_conn *c)
{
	char reason[80];

	snprintf(reason, sizeof(reason),
		c->handshake ? "not finished within handshake_timeout (%u s)"
			     : "not connected within tcp_connect_timeout (%u s)",
		c->handshake ? c->request.handshake_timeout : c->request.connect_timeout);
	end(c, c->handshake ? URING_CLIENT_HANDSHAKE_TIMEOUT : URING_CLIENT_CONNECT_TIMEOUT, -ETIMEDOUT,
		reason);
}

static void end_overloaded(struct client_conn *c, int error)
{
	end(c, URING_CLIENT_LOCAL, error, "the engine is overloaded");
}

static void end_failed(struct client_conn *c)
{
	static const enum uring_client_failure kinds[] = {
		[KTLS_CAUSE_NONE] = URING_CLIENT_LOCAL,
		[KTLS_CAUSE_NOT_TLS] = URING_CLIENT_HANDSHAKE,
		[KTLS_CAUSE_NOTHING_SHARED] = URING_CLIENT_HANDSHAKE,
		[KTLS_CAUSE_ALERT] = URING_CLIENT_HANDSHAKE,
		[KTLS_CAUSE_PROTOCOL] = URING_CLIENT_HANDSHAKE,
		[KTLS_CAUSE_CERTIFICATE] = URING_CLIENT_VERIFY,
		[KTLS_CAUSE_ENDED] = URING_CLIENT_ENDED,
		[KTLS_CAUSE_LOCAL] = URING_CLIENT_LOCAL,
	};

	end(c, kinds[ktls_handshake_cause(c->handshake)], 0, ktls_handshake_error(c->handshake));
}

static void advance(struct client_conn *c);

static void sent(struct uring_op *op, int res)
{
	struct client_conn *c = (struct client_conn *)op;

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
	struct client_conn *c = (struct client_conn *)op;

	if (c->timed_out)
		end_timed_out(c);
	else if (res == -EINTR)
		advance(c);
	else if (res < 0)
		end_with_errno(c, "receiving failed", res);
	else if (!res)
		end(c, URING_CLIENT_ENDED, 0, "the peer closed the connection during the handshake");
	else {
		ktls_handshake_feed(c->handshake, c->chunk, (size_t)res);
		advance(c);
	}
}

static void hand_over(struct client_conn *c)
{
	struct uring_client_config *config = &c->client->config;

	forget(c);
	config->established(config->arg, c->request.token, c->request.fd, c->handshake);
	free_connection(c);
}

/* Starts the next operation, or ends the connection. */
static void advance(struct client_conn *c)
{
	struct uring_loop *loop = c->client->loop;
	size_t want = ktls_handshake_want(c->handshake), len;
	const uint8_t *out = ktls_handshake_output(c->handshake, &len);
	int rc;

	if (len) {
		c->op.done = sent;
		c->op.patient = 0;
		rc = uring_send(loop, &c->op, c->request.fd, out, len);
	} else if (want) {
		c->op.done = received;
		c->op.patient = 1;
		rc = uring_recv(loop, &c->op, c->request.fd, c->chunk, want < CHUNK ? want : CHUNK);
	} else if (*ktls_handshake_error(c->handshake)) {
		end_failed(c);
		return;
	} else {
		hand_over(c);
		return;
	}
	if (rc)
		end_overloaded(c, rc);
}

static void shake_hands(struct client_conn *c)
{
	struct uring_client_config *config = &c->client->config;
	const char *why = "it cannot be prepared";
	int rc = 0;

	give_time(c, c->request.handshake_timeout);
	c->handshake = ktls_handshake_new(c->request.ctx, KTLS_CLIENT);
	if (!c->handshake) {
		end(c, URING_CLIENT_LOCAL, -ENOMEM, "out of memory");
		return;
	}
	if (config->begin)
		rc = config->begin(config->arg, c->request.token, c->handshake, &why);
	if (rc) {
		end(c, URING_CLIENT_LOCAL, rc, why);
		return;
	}
	ktls_handshake_start(c->handshake);
	advance(c);
}

/* Returns 0 if fd is connected, else a negative errno that says why not. */
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

/* What io_uring and answers to requests need. */
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
	struct client_conn *c = (struct client_conn *)op;
	int rc = res < 0 ? res : check_connected(c->request.fd);

	if (c->timed_out) {
		end_timed_out(c);
		return;
	}
	if (res == -EINTR) {
		rc = uring_poll(c->client->loop, &c->op, c->request.fd, POLLOUT);
		if (rc)
			end_overloaded(c, rc);
		return;
	}
	if (!rc)
		rc = set_up(c->request.fd);
	if (rc)
		end_with_errno(c, "connecting failed", rc);
	else
		shake_hands(c);
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
	struct client_conn *c = calloc(1, sizeof(*c));
	int rc = c ? 0 : -ENOMEM;

	if (c) {
		c->op.done = connected;
		c->op.patient = 1;
		rc = uring_poll(client->loop, &c->op, request->fd, POLLOUT);
	}
	if (rc) {
		close(request->fd);
		free(c);
		return rc;
	}
	c->client = client;
	c->request = *request;
	SSL_CTX_up_ref(request->ctx);
	give_time(c, request->connect_timeout);
	client->count++;
	return 0;
}

unsigned uring_client_count(const struct uring_client *client)
{
	return client->count;
}
