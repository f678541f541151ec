/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The responder as it is commonly written: OpenSSL on an epoll loop, or plain TCP on the same loop if there
 * is no certificate. It reads ahead and does not read again after a short read, so a request takes no more
 * calls than necessary.
 */
#include "setup.h"
#include "talk.h"

#include <err.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	EVENTS = 64,
	READS = 4, /* from one peer before the others get their turn */
	TICK_MS = 1000,
};

struct peer {
	LIST_ENTRY(peer) link;
	int fd;
	SSL *ssl; /* NULL for plain TCP */
	uint32_t events;
	time_t heard;
	int shaken, ends, broken;
	struct talk talk;
};

static struct {
	struct setup setup;
	struct counts counts;
	SSL_CTX *ctx;
	LIST_HEAD(peers, peer) peers;
	unsigned peers_count;
	int epoll, listener, signals;
} me;

/* The result of a call: a number of bytes, or one of these. */
enum {
	ENDED = 0,
	WAITS = -1,
	BROKEN = -2,
};

static void watch(struct peer *p, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = p};

	if (p->events == events)
		return;
	if (epoll_ctl(me.epoll, p->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, p->fd, &event))
		p->broken = 1;
	p->events = events;
}

static void drop(struct peer *p)
{
	char sink[4096];

	if (p->ssl && p->shaken && !p->broken)
		SSL_shutdown(p->ssl);
	ERR_clear_error();
	SSL_free(p->ssl);
	/* Unread bytes would turn the close into a reset. */
	shutdown(p->fd, SHUT_WR);
	for (int i = 0; i < 16 && recv(p->fd, sink, sizeof(sink), MSG_DONTWAIT) > 0; i++)
		;
	close(p->fd);
	LIST_REMOVE(p, link);
	me.peers_count--;
	me.counts.answered += p->talk.answered;
	free(p);
}

static int of_errno(void)
{
	return errno == EAGAIN ? WAITS : BROKEN;
}

/* The result of an OpenSSL call that returned n. */
static int of_tls(struct peer *p, int n)
{
	if (n > 0)
		return n;
	switch (SSL_get_error(p->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		watch(p, EPOLLIN);
		return WAITS;
	case SSL_ERROR_WANT_WRITE:
		watch(p, EPOLLOUT);
		return WAITS;
	case SSL_ERROR_ZERO_RETURN:
		return ENDED;
	default:
		return BROKEN;
	}
}

static int receive(struct peer *p, char *room, size_t len)
{
	ssize_t n;

	if (p->ssl) {
		ERR_clear_error();
		return of_tls(p, SSL_read(p->ssl, room, (int)len));
	}
	n = recv(p->fd, room, len, 0);
	if (n < 0 && of_errno() == WAITS)
		watch(p, EPOLLIN);
	return n < 0 ? of_errno() : (int)n;
}

static int transmit(struct peer *p)
{
	const char *answers = p->talk.out + p->talk.out_off;
	size_t len = talk_unsent(&p->talk);
	ssize_t n;

	if (p->ssl) {
		ERR_clear_error();
		return of_tls(p, SSL_write(p->ssl, answers, (int)len));
	}
	n = send(p->fd, answers, len, MSG_NOSIGNAL);
	if (n < 0 && of_errno() == WAITS)
		watch(p, EPOLLOUT);
	return n < 0 ? of_errno() : (int)n;
}

/* Sends all there is to send. Returns 1, WAITS or BROKEN. */
static int flush(struct peer *p)
{
	while (talk_unsent(&p->talk)) {
		int n = transmit(p);

		if (n <= 0)
			return n == WAITS ? WAITS : BROKEN;
		talk_sent(&p->talk, (size_t)n);
		if (!talk_unsent(&p->talk) && talk_answer(&p->talk))
			p->ends = 1;
	}
	return 1;
}

/* Reads once and answers. Returns 1 if there is more to read, WAITS if there is not, ENDED or BROKEN. */
static int converse(struct peer *p)
{
	size_t len;
	char *room = talk_room(&p->talk, &len);
	int n = receive(p, room, len), rc;

	if (n == BROKEN || n == WAITS)
		return n;
	if (n == ENDED)
		p->ends = 1;
	p->talk.in_len += n > 0 ? (size_t)n : 0;
	if (talk_answer(&p->talk))
		p->ends = 1;
	rc = flush(p);
	if (rc != 1)
		return rc;
	if (p->ends)
		return ENDED;
	if ((size_t)n == len || (p->ssl && SSL_has_pending(p->ssl)))
		return 1;
	watch(p, EPOLLIN);
	return p->broken ? BROKEN : WAITS;
}

static int shake_hands(struct peer *p)
{
	int rc;

	if (p->shaken)
		return 1;
	ERR_clear_error();
	rc = of_tls(p, SSL_accept(p->ssl));
	p->shaken = rc == 1;
	me.counts.user += rc == 1;
	me.counts.handshakes_failed += rc == BROKEN || rc == ENDED;
	return rc;
}

static void serve(struct peer *p)
{
	int rc = p->ssl ? shake_hands(p) : 1;

	p->heard = setup_now();
	if (rc == 1)
		rc = flush(p);
	if (rc == 1 && p->ends)
		rc = ENDED;
	/* epoll does not report what OpenSSL already holds. */
	for (int i = 0; rc == 1 && (i < READS || (p->ssl && SSL_has_pending(p->ssl))); i++)
		rc = converse(p);
	if (rc == 1)
		watch(p, EPOLLIN);
	p->broken |= rc == BROKEN;
	if (rc == ENDED || p->broken)
		drop(p);
}

static void welcome(int fd)
{
	struct peer *p = me.peers_count < me.setup.peers_max ? malloc(sizeof(*p)) : NULL;

	if (!p) {
		close(fd);
		return;
	}
	memset(p, 0, offsetof(struct peer, talk) + offsetof(struct talk, in)); /* not the buffers */
	p->fd = fd;
	LIST_INSERT_HEAD(&me.peers, p, link);
	me.peers_count++;
	me.counts.peers++;
	setup_no_delay(fd);
	if (me.ctx) {
		p->ssl = SSL_new(me.ctx);
		if (!p->ssl || SSL_set_fd(p->ssl, fd) != 1) {
			drop(p);
			return;
		}
	}
	p->heard = setup_now();
	watch(p, EPOLLIN);
	if (p->broken)
		drop(p);
}

static void accept_some(void)
{
	for (int i = 0; i < EVENTS; i++) {
		int fd = accept4(me.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		welcome(fd);
	}
}

static void sweep(void)
{
	time_t now = setup_now();
	struct peer *p, *next;

	for (p = LIST_FIRST(&me.peers); p; p = next) {
		next = LIST_NEXT(p, link);
		if (now - p->heard <= (time_t)me.setup.idle)
			continue;
		me.counts.handshakes_failed += p->ssl && !p->shaken;
		drop(p);
	}
}

static void add(int fd, void *tag)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};

	if (epoll_ctl(me.epoll, EPOLL_CTL_ADD, fd, &event))
		err(EXIT_FAILURE, "epoll_ctl");
}

/* Returns 1 when it is time to stop. */
static int turn(void)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(me.epoll, events, EVENTS, TICK_MS), stopping = 0;

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == &me.listener)
			accept_some();
		else if (events[i].data.ptr == &me.signals)
			stopping = 1;
		else
			serve(events[i].data.ptr);
	}
	return stopping;
}

int main(int argc, char **argv)
{
	time_t swept = setup_now();

	setup_parse(&me.setup, argc, argv);
	me.signals = setup_signals();
	me.listener = setup_listen(&me.setup, SOCK_NONBLOCK);
	me.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (me.epoll < 0)
		err(EXIT_FAILURE, "epoll_create1");
	if (me.setup.certificate) {
		me.ctx = setup_context(&me.setup);
		SSL_CTX_set_mode(me.ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		SSL_CTX_set_read_ahead(me.ctx, 1);
		SSL_CTX_set_options(me.ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	}
	add(me.listener, &me.listener);
	add(me.signals, &me.signals);
	while (!turn()) {
		if (setup_now() == swept)
			continue;
		swept = setup_now();
		sweep();
	}
	for (struct peer *p = LIST_FIRST(&me.peers); p; p = LIST_NEXT(p, link))
		me.counts.answered += p->talk.answered;
	setup_report(&me.counts);
	return 0;
}
