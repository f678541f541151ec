/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The responder on libserktls: accepts, does handshakes, receives and sends on one io_uring. Records are in
 * the kernel if it supports them, else in user space. Without a certificate it is plain TCP on the same ring.
 *
 * A peer has one operation under way. Nothing more is read from it while answers are not sent, so a peer that
 * does not read only stalls itself. Calls outside the ring: the last alert and closing, and what a stream
 * itself owes its peer.
 */
#include "setup.h"
#include "talk.h"
#include "uring/close.h"
#include "uring/server.h"
#include "uring/stream.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

enum {
	HANDSHAKES_MAX = 256,
	RECORDS = TALK_OUT / KTLS_MAX_PLAIN + 1,
};

struct peer {
	struct uring_op op; /* the first member */
	LIST_ENTRY(peer) link;
	int fd;
	time_t heard;
	uint8_t writes;   /* the operation under way is for sending */
	uint8_t more;     /* the stream has content that no event will announce */
	uint8_t ends;     /* ends when all is sent */
	uint8_t alert;    /* the alert to send then */
	uint8_t wordless; /* nothing can be sent any more */
	struct ktls_stream stream;
	struct ktls_receive in;
	struct ktls_outgoing out;
	struct talk talk;
	uint8_t records[TALK_OUT + RECORDS * KTLS_MAX_EXPANSION];
};

static const struct ktls_allocator heap = {malloc, free};

static struct {
	struct setup setup;
	struct counts counts;
	struct uring_loop *loop;
	struct uring_server *server;
	SSL_CTX *ctx;
	struct ktls_kernel_caps caps;
	LIST_HEAD(, peer) peers;
	unsigned peers_count;
	struct uring_op tick, stop, accepts;
	struct __kernel_timespec second;
	int listener, signals, stopping;
} me;

static void advance(struct peer *p);

static struct peer *peer_of(struct uring_op *op)
{
	struct peer *p = (struct peer *)op;

	p->heard = setup_now();
	return p;
}

static void forget(struct peer *p)
{
	if (me.ctx) {
		if (!p->wordless)
			ktls_stream_send_alert(&p->stream, p->fd, p->alert);
		ktls_stream_wipe(&p->stream, &heap);
	}
	uring_close_politely(p->fd);
	LIST_REMOVE(p, link);
	me.peers_count--;
	me.counts.answered += p->talk.answered;
	free(p);
}

static void end_without_a_word(struct peer *p)
{
	p->wordless = 1;
	forget(p);
}

static void take_content(struct peer *p, size_t n)
{
	p->talk.in_len += n;
	if (talk_answer(&p->talk))
		p->ends = 1;
}

static void take_read(struct peer *p, ssize_t n, const struct ktls_read *r)
{
	p->more = (uint8_t)r->more;
	if (r->end != KTLS_END_NONE) {
		p->ends = 1;
		p->alert = r->owed ? r->alert : KTLS_CLOSE_NOTIFY;
	}
	/* What the socket does not take now goes before the next answer. */
	if (r->respond && ktls_stream_respond(&p->stream, p->fd) == -EPIPE)
		p->ends = p->wordless = 1;
	take_content(p, (size_t)n);
}

static void received(struct uring_op *op, int res)
{
	struct peer *p = peer_of(op);
	struct ktls_read r;
	ssize_t n;

	if (me.ctx) {
		n = ktls_stream_received(&p->stream, p->fd, &p->in, res, &heap, &r);
		take_read(p, n, &r);
	} else if (res > 0) {
		take_content(p, (size_t)res);
	} else if (res != -EINTR) {
		p->ends = 1;
	}
	advance(p);
}

static void sent(struct uring_op *op, int res)
{
	struct peer *p = peer_of(op);

	if (res < 0 && res != -EINTR) {
		end_without_a_word(p);
		return;
	}
	p->out.bytes = (const char *)p->out.bytes + (res > 0 ? res : 0);
	p->out.len -= res > 0 ? (size_t)res : 0;
	if (!p->out.len)
		talk_sent(&p->talk, p->out.taken);
	advance(p);
}

static void writable(struct uring_op *op, int res)
{
	struct peer *p = peer_of(op);

	if (res < 0 || res & (POLLERR | POLLHUP))
		end_without_a_word(p);
	else
		advance(p);
}

static int start_sending(struct peer *p)
{
	const char *answers = p->talk.out + p->talk.out_off;
	size_t len = talk_unsent(&p->talk);
	int rc = 0;

	p->writes = 1;
	if (!p->out.len && me.ctx)
		rc = ktls_stream_protect(
			&p->stream, p->fd, answers, len, p->records, sizeof(p->records), &p->out);
	else if (!p->out.len)
		p->out = (struct ktls_outgoing){answers, len, len};
	if (rc == -EAGAIN) {
		p->out.len = 0;
		p->op.done = writable;
		return uring_poll(me.loop, &p->op, p->fd, POLLOUT);
	}
	if (rc)
		return rc;
	p->op.done = sent;
	return uring_send(me.loop, &p->op, p->fd, p->out.bytes, p->out.len);
}

static int start_receiving(struct peer *p)
{
	size_t len;
	char *room = talk_room(&p->talk, &len);

	p->writes = 0;
	p->op.done = received;
	if (!me.ctx)
		return uring_recv(me.loop, &p->op, p->fd, room, len);
	ktls_stream_receive(&p->stream, &p->in, room, len);
	return uring_stream_recv(me.loop, &p->op, p->fd, &p->stream, &p->in);
}

static void read_more(struct peer *p)
{
	struct ktls_read r;
	size_t len;
	char *room = talk_room(&p->talk, &len);
	ssize_t n = ktls_stream_read(&p->stream, p->fd, room, len, &heap, &r);

	take_read(p, n, &r);
}

/* Starts the next operation, or ends the connection. */
static void advance(struct peer *p)
{
	int rc;

	for (;;) {
		if (talk_unsent(&p->talk)) {
			rc = start_sending(p);
			break;
		}
		/* Requests for whose answers there was no room before. */
		take_content(p, 0);
		if (talk_unsent(&p->talk))
			continue;
		if (p->ends) {
			forget(p);
			return;
		}
		if (!p->more) {
			rc = start_receiving(p);
			break;
		}
		read_more(p);
	}
	if (rc)
		end_without_a_word(p);
}

static struct peer *welcome(int fd)
{
	struct peer *p = malloc(sizeof(*p));

	if (!p) {
		close(fd);
		return NULL;
	}
	memset(p, 0, offsetof(struct peer, talk) + offsetof(struct talk, in)); /* not the buffers */
	p->fd = fd;
	p->heard = setup_now();
	setup_no_delay(fd);
	LIST_INSERT_HEAD(&me.peers, p, link);
	me.peers_count++;
	me.counts.peers++;
	return p;
}

static int admit(void *arg, const struct uring_peer *peer)
{
	(void)arg;
	(void)peer;
	return me.peers_count + uring_server_handshakes(me.server) >= me.setup.peers_max;
}

static SSL_CTX *context(void *arg, const struct uring_peer *peer)
{
	(void)arg;
	(void)peer;
	return me.ctx;
}

static void established(void *arg, const struct uring_peer *peer, int fd, struct ktls_handshake *h)
{
	struct peer *p = welcome(fd);
	int rc;

	(void)arg;
	(void)peer;
	if (!p)
		return;
	rc = ktls_stream_start(&p->stream, fd, h, me.setup.ktls ? &me.caps : NULL);
	if (rc) {
		me.counts.handshakes_failed++;
		end_without_a_word(p);
		return;
	}
	if (p->stream.home == KTLS_HOME_KERNEL)
		me.counts.kernel++;
	else
		me.counts.user++;
	advance(p);
}

static void failed(void *arg, const struct uring_peer *peer, enum uring_failure kind, const char *reason)
{
	(void)arg;
	(void)peer;
	(void)reason;
	(void)kind;
	me.counts.handshakes_failed++;
}

static void trouble(void *arg, int error, int for_good)
{
	(void)arg;
	warnx("accepting %s: %s", for_good ? "ended" : "has to rest", strerror(-error));
}

static void start_accepting(void);

static void accepted(struct uring_op *op, int res)
{
	struct peer *p;

	(void)op;
	if (res >= 0 && me.peers_count < me.setup.peers_max) {
		p = welcome(res);
		if (p)
			advance(p);
	} else if (res >= 0) {
		close(res);
	} else if (res == -EMFILE || res == -ENFILE || res == -ENOMEM) {
		me.accepts.done = NULL; /* until the next tick */
		return;
	}
	start_accepting();
}

/* Plain TCP only; uring_server does it for TLS. */
static void start_accepting(void)
{
	me.accepts.done = accepted;
	if (uring_accept(me.loop, &me.accepts, me.listener, NULL, NULL))
		me.accepts.done = NULL;
}

static void ticked(struct uring_op *op, int res)
{
	struct peer *p;
	time_t now = setup_now();

	(void)res;
	LIST_FOREACH(p, &me.peers, link)
	{
		if (now - p->heard <= (time_t)me.setup.idle)
			continue;
		if (me.ctx && !p->writes)
			ktls_stream_send_alert(&p->stream, p->fd, KTLS_CLOSE_NOTIFY);
		p->wordless = 1;
		shutdown(p->fd, SHUT_RDWR); /* this ends its operation, and thereby the connection */
	}
	if (!me.ctx && !me.accepts.done)
		start_accepting();
	if (uring_timeout(me.loop, op, &me.second))
		errx(EXIT_FAILURE, "the ring takes no timeout");
}

static void stop(struct uring_op *op, int res)
{
	(void)op;
	(void)res;
	me.stopping = 1;
}

static void serve_tls(void)
{
	struct uring_server_config config = {.max_handshakes = HANDSHAKES_MAX,
		.handshake_timeout = me.setup.idle,
		.admit = admit,
		.context = context,
		.established = established,
		.failed = failed,
		.trouble = trouble};

	me.ctx = setup_context(&me.setup);
	if (ktls_context_prepare(me.ctx, KTLS_VERIFY_NONE) ||
		uring_server_new(&me.server, me.loop, &config) ||
		uring_server_listen(me.server, me.listener, NULL))
		errx(EXIT_FAILURE, "out of memory");
	if (me.setup.ktls)
		ktls_kernel_probe(&me.caps);
}

int main(int argc, char **argv)
{
	const char *why;
	int rc;

	setup_parse(&me.setup, argc, argv);
	me.signals = setup_signals();
	rc = uring_loop_new(&me.loop, &why);
	if (rc)
		errx(EXIT_FAILURE, "%s", why);
	me.listener = setup_listen(&me.setup, 0);
	if (me.setup.certificate)
		serve_tls();
	else
		start_accepting();
	me.second.tv_sec = 1;
	me.tick.done = ticked;
	me.stop.done = stop;
	if (uring_timeout(me.loop, &me.tick, &me.second) || uring_poll(me.loop, &me.stop, me.signals, POLLIN))
		errx(EXIT_FAILURE, "the ring takes nothing");
	while (!rc && !me.stopping)
		rc = uring_turn(me.loop);
	if (rc)
		errx(EXIT_FAILURE, "the ring is of no use any more: %s", strerror(-rc));
	for (struct peer *p = LIST_FIRST(&me.peers); p; p = LIST_NEXT(p, link))
		me.counts.answered += p->talk.answered;
	setup_report(&me.counts);
	return 0;
}
