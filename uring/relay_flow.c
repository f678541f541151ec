/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two directions of a relayed connection. Nothing here waits, and nothing here frees the connection. */
#include "uring/relay_conn.h"

#include "ktls/sys.h"
#include "uring/network_error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

ssize_t relay_recv(int fd, void *buf, size_t len)
{
	ssize_t n;

	do
		n = ktls_sys.recv(fd, buf, len, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t relay_send(int fd, const void *buf, size_t len)
{
	ssize_t n;

	do
		n = ktls_sys.send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

void relay_drop_held(struct relay_flow *f)
{
	free(f->held);
	f->held = NULL;
	f->held_off = f->held_len = 0;
}

/*
 * A side that closed may still have sent something that we have not read, so only writing ends. What comes
 * for a server that is gone is dropped here, piece by piece, until its end is read.
 */
static void write_failed(struct relay_flow *f, int error)
{
	struct relay_conn *c = f->conn;
	int is_in = f == &c->in;

	relay_drop_held(f);
	if (error != -EPIPE && error != -ECONNRESET) {
		relay_trouble(c, is_in ? "the server cannot be reached: %s" : "sending failed: %s",
			uring_network_error(error));
		c->over = 1;
	} else if (!is_in) {
		relay_trouble(c, "sending failed: %s", uring_network_error(error));
		f->state = RELAY_DONE;
	}
}

static void hold(struct relay_flow *f, const uint8_t *p, size_t len)
{
	size_t have = f->held_len - f->held_off;
	uint8_t *bigger;

	/* Only OpenSSL's own answers can come in addition to a record. */
	if (have + len > RELAY_HELD_MAX) {
		relay_trouble(f->conn, "it goes on asking and does not read the answers");
		f->conn->over = 1;
		return;
	}
	if (f->held_off)
		memmove(f->held, f->held + f->held_off, have);
	f->held_off = 0;
	f->held_len = have;
	bigger = realloc(f->held, have + len);
	if (!bigger) {
		write_failed(f, -ENOMEM);
		return;
	}
	memcpy(bigger + have, p, len);
	f->held = bigger;
	f->held_len = have + len;
}

void relay_put(struct relay_flow *f, const void *p, size_t len)
{
	ssize_t n = relay_holds(f) ? -EAGAIN : relay_send(f->to, p, len);

	if (n == -EAGAIN)
		n = 0;
	if (n < 0)
		write_failed(f, (int)n);
	else if ((size_t)n < len)
		hold(f, (const uint8_t *)p + n, len - (size_t)n);
}

void relay_flush(struct relay_flow *f)
{
	ssize_t n;

	if (!relay_holds(f))
		return;
	n = relay_send(f->to, f->held + f->held_off, f->held_len - f->held_off);
	if (n == -EAGAIN)
		return;
	if (n < 0) {
		write_failed(f, (int)n);
		return;
	}
	f->progress = 1;
	f->held_off += (size_t)n;
	if (f->held_off == f->held_len)
		relay_drop_held(f);
}

static int may_read(const struct relay_flow *f)
{
	return !f->conn->over && f->state == RELAY_FLOWS && !relay_holds(f);
}

/* The peer has ended. If it did not end properly, we send OpenSSL's alert. */
static void end_of_peer(struct relay_conn *c, ssize_t error)
{
	c->in.state = RELAY_ENDS;
	if (error && c->out.state == RELAY_FLOWS)
		c->out.state = RELAY_ENDS;
}

static void move_in(struct relay_conn *c)
{
	uint8_t *chunk = c->relay->chunk;
	ssize_t n;

	c->reads = RELAY_READS;
	c->drained = 0;
	while (may_read(&c->in)) {
		n = relay_tls_read(c, chunk);
		if (n == -EAGAIN)
			return;
		if (n <= 0)
			end_of_peer(c, n);
		else
			relay_put(&c->in, chunk, (size_t)n);
	}
}

/* Whoever always has more to say waits for his turn among all that may take long. */
static void take_turns(struct relay_conn *c)
{
	c->in.op.patient = !c->reads && !c->drained ? URING_BULK : URING_URGENT;
	c->in.op.owner = c->source ? &c->source->turns : NULL;
}

/*
 * A server that closes before it has read everything resets the pair. What it sent before was read by then,
 * as at any other end.
 */
static void end_of_server(struct relay_conn *c, ssize_t error)
{
	if (error && error != -ECONNRESET) {
		relay_trouble(c, "the server cannot be reached: %s", uring_network_error((int)error));
		c->over = 1;
	}
	if (c->cause == RELAY_NO_CAUSE)
		relay_orderly(c);
	c->out.state = RELAY_ENDS;
	relay_tls_goodbye(c);
}

static void move_out(struct relay_conn *c)
{
	uint8_t *chunk = c->relay->chunk;
	ssize_t n = RELAY_CHUNK;

	/* It was less than there was room for, so that was all. */
	for (unsigned reads = RELAY_READS; reads && n == RELAY_CHUNK && may_read(&c->out); reads--) {
		n = relay_recv(c->out.from, chunk, RELAY_CHUNK);
		if (n == -EAGAIN)
			return;
		if (n <= 0)
			end_of_server(c, n);
		else
			c->over |= relay_tls_write(c, chunk, (size_t)n) != 0;
	}
}

void relay_move(struct relay_flow *f)
{
	relay_flush(f);
	if (f == &f->conn->in) {
		move_in(f->conn);
		take_turns(f->conn);
	} else {
		move_out(f->conn);
	}
}

void relay_finish(struct relay_flow *f)
{
	if (f->state != RELAY_ENDS || relay_holds(f))
		return;
	shutdown(f->to, SHUT_WR);
	f->state = RELAY_DONE;
}
