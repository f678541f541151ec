/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring/relay_conn.h"

#include "uring/close.h"
#include "uring/network_error.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	HALF_CLOSED_RETRY_MS = 50,
	HOSTS = 1024, /* as many as there usually are at most */
};

static void settle(struct relay_conn *c);

void relay_orderly(struct relay_conn *c)
{
	c->cause = RELAY_ORDERLY;
}

static void set_reason(struct relay_conn *c, const char *format, va_list args)
{
	c->cause = RELAY_TROUBLE;
	vsnprintf(c->reason, sizeof(c->reason), format, args);
}

void relay_trouble(struct relay_conn *c, const char *format, ...)
{
	va_list args;

	if (c->cause != RELAY_NO_CAUSE)
		return;
	va_start(args, format);
	set_reason(c, format, args);
	va_end(args);
}

void relay_lost(struct relay_conn *c, const char *format, ...)
{
	va_list args;

	if (c->cause == RELAY_TROUBLE)
		return;
	va_start(args, format);
	set_reason(c, format, args);
	va_end(args);
}

static void unwatch(struct relay_flow *f)
{
	uring_deadline_clear(&f->conn->relay->deadlines, &f->deadline);
}

static void watch(struct relay_flow *f)
{
	struct uring_relay *r = f->conn->relay;

	uring_deadline_set(&r->deadlines, &f->deadline, (int64_t)r->config.send_timeout * 1000);
}

/* A side that takes something gets new time. When one direction is done, the rest gets new time only once. */
static void update_watch(struct relay_flow *f, const struct relay_flow *other)
{
	if (f->state == RELAY_DONE || (other->state != RELAY_DONE && !relay_holds(f)))
		unwatch(f);
	else if (!f->deadline.is_set || (f->progress && other->state != RELAY_DONE))
		watch(f);
	f->progress = 0;
}

static void free_connection(struct relay_conn *c)
{
	relay_drop_held(&c->in);
	relay_drop_held(&c->out);
	if (c->source)
		uring_sources_leave(c->source);
	SSL_free(c->ssl);
	free(c);
}

static void forget_connection(struct relay_conn *c)
{
	unwatch(&c->in);
	unwatch(&c->out);
	LIST_REMOVE(c, link);
	c->relay->connections--;
}

static void stop_waiting(struct relay_flow *f)
{
	if (f->waits_fd >= 0 && !f->cancelled)
		f->cancelled = !uring_cancel(f->conn->relay->loop, &f->op);
}

/* If the ring is full for now, shutting down the socket ends the poll, too. */
static void stop_for_good(struct relay_flow *f)
{
	stop_waiting(f);
	if (f->waits_fd >= 0 && !f->cancelled)
		shutdown(f->waits_fd, SHUT_RDWR);
}

/* Closing a socket does not end it while a poll holds it, so the polls must end first. */
static void end_connection(struct relay_conn *c)
{
	const struct uring_relay_config *config = &c->relay->config;

	unwatch(&c->in);
	unwatch(&c->out);
	stop_for_good(&c->in);
	stop_for_good(&c->out);
	if (c->in.waits_fd >= 0 || c->out.waits_fd >= 0)
		return;
	uring_close_politely(c->out.to);
	close(c->in.to);
	forget_connection(c);
	config->ended(config->arg, &c->peer, c->cause == RELAY_TROUBLE ? c->reason : NULL);
	free_connection(c);
}

/* Takes the next step for a flow. If it must wait for something else than before, the poll ends first. */
static void start_waiting(struct relay_flow *f)
{
	static struct __kernel_timespec pause = {.tv_nsec = HALF_CLOSED_RETRY_MS * 1000000L};
	struct relay_conn *c = f->conn;
	int fd = relay_holds(f) ? f->to : f->state == RELAY_FLOWS ? f->from : -1;
	short events = relay_holds(f) ? POLLOUT : POLLIN;
	int rc;

	if (f->waits_fd >= 0 && (f->waits_fd != fd || f->waits_events != events))
		stop_waiting(f);
	if (f->waits_fd >= 0 || fd < 0)
		return;
	if (f->poll_is_useless && events == POLLOUT)
		rc = uring_timeout(c->relay->loop, &f->op, &pause);
	else
		rc = uring_poll(c->relay->loop, &f->op, fd, (unsigned)events);
	f->poll_is_useless = 0;
	if (rc) {
		relay_lost(c, "the engine is overloaded");
		c->over = 1;
		return;
	}
	f->waits_fd = fd;
	f->waits_events = events;
}

static void ready(struct uring_op *op, int res)
{
	struct relay_flow *f = (struct relay_flow *)op;
	struct relay_conn *c = f->conn;

	f->waits_fd = -1;
	f->cancelled = 0;
	/*
	 * io_uring adds POLLRDHUP to the requested events, so each poll ends at once if the peer has ended
	 * its side.
	 */
	f->poll_is_useless = res > 0 && f->waits_events == POLLOUT && !(res & (POLLOUT | POLLERR | POLLHUP));
	if (res < 0 && res != -ECANCELED && res != -EINTR && res != -ETIME) {
		relay_lost(c, "waiting failed: %s", uring_network_error(res));
		c->over = 1;
	}
	if (!c->over)
		relay_move(f);
	settle(c);
}

/* Adjusts everything to the state of the two flows. The connection may be gone after that. */
static void settle(struct relay_conn *c)
{
	relay_finish(&c->in);
	relay_finish(&c->out);
	c->over |= c->in.state == RELAY_DONE && c->out.state == RELAY_DONE;
	if (!c->over) {
		update_watch(&c->in, &c->out);
		update_watch(&c->out, &c->in);
		start_waiting(&c->in);
		start_waiting(&c->out);
	}
	if (c->over)
		end_connection(c);
}

/* A poll reports room only if there is a lot of it; a slow reader must not suffer from that. */
static int expire(struct uring_deadline *d)
{
	struct relay_flow *f = (struct relay_flow *)((char *)d - offsetof(struct relay_flow, deadline));
	struct relay_conn *c = f->conn;
	const struct relay_flow *other = f == &c->in ? &c->out : &c->in;

	if (other->state != RELAY_DONE)
		relay_flush(f);
	if (!f->progress) {
		if (relay_holds(f))
			relay_lost(
				c, "not written within send_timeout (%u s)", c->relay->config.send_timeout);
		c->over = 1;
	}
	settle(c);
	return 0;
}

int uring_relay_new(
	struct uring_relay **relay, struct uring_loop *loop, const struct uring_relay_config *config)
{
	struct uring_relay *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->bio = relay_bio_new();
	r->refusing = relay_refusing_new();
	if (!r->bio || !r->refusing || uring_sources_new(&r->sources, HOSTS)) {
		BIO_meth_free(r->bio);
		SSL_CTX_free(r->refusing);
		free(r);
		return -ENOMEM;
	}
	r->loop = loop;
	r->config = *config;
	uring_deadlines_init(&r->deadlines, loop, expire);
	LIST_INIT(&r->conns);
	*relay = r;
	return 0;
}

static void init_flow(struct relay_flow *f, struct relay_conn *c, int from, int to)
{
	f->op.done = ready;
	f->conn = c;
	f->from = from;
	f->to = to;
	f->waits_fd = -1;
}

static int is_fit(const SSL *ssl)
{
	return SSL_is_init_finished(ssl) && !SSL_has_pending(ssl) && !BIO_pending(SSL_get_rbio(ssl)) &&
	       !BIO_pending(SSL_get_wbio(ssl));
}

/* Returns NULL and sets *rc on error; the arguments are unchanged then. */
static struct relay_conn *new_connection(struct uring_relay *r, int fd, int plain, SSL *ssl, int *rc)
{
	struct relay_conn *c;

	*rc = is_fit(ssl) ? -ENOMEM : -EINVAL;
	c = *rc == -ENOMEM ? calloc(1, sizeof(*c)) : NULL;
	if (!c)
		return NULL;
	c->relay = r;
	c->ssl = ssl;
	init_flow(&c->in, c, fd, plain);
	init_flow(&c->out, c, plain, fd);
	if (!relay_tls_attach(c))
		return c;
	free(c);
	return NULL;
}

int uring_relay_start(struct uring_relay *r, const struct uring_peer *peer, int fd, int plain, SSL *ssl)
{
	int rc;
	struct relay_conn *c = new_connection(r, fd, plain, ssl, &rc);

	if (!c) {
		SSL_free(ssl);
		goto failed;
	}
	c->peer = *peer;
	c->source = uring_sources_enter(r->sources, &peer->remote);
	LIST_INSERT_HEAD(&r->conns, c, link);
	r->connections++;
	start_waiting(&c->in);
	if (c->in.waits_fd < 0) {
		rc = -EBUSY;
		forget_connection(c);
		free_connection(c);
		goto failed;
	}
	/* The first poll is under way, so from here on errors end the connection like any other. */
	settle(c);
	return 0;
failed:
	close(fd);
	close(plain);
	return rc;
}

unsigned uring_relay_connections(const struct uring_relay *r)
{
	return r->connections;
}

void uring_relay_goodbye(struct uring_relay *r)
{
	struct relay_conn *c;

	LIST_FOREACH(c, &r->conns, link)
	{
		if (c->over || c->out.state != RELAY_FLOWS || relay_holds(&c->out))
			continue;
		relay_orderly(c);
		c->out.state = RELAY_ENDS;
		relay_tls_goodbye(c);
	}
}
