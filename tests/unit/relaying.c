/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relaying.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TICK_NS = 1000000,
	WINDOWS = 30,
};

struct relaying_contexts contexts;

int relaying_make_contexts(void **state)
{
	struct relaying_contexts *c = &contexts;

	(void)state;
	c->ec = make_identity("EC", "server", NULL);
	c->rsa = make_identity("RSA", "server", NULL);
	c->server = server_context(&c->ec, KTLS_VERIFY_NONE, NULL);
	use_identity(c->server, &c->rsa);
	SSL_CTX_set_mode(c->server, SSL_MODE_RELEASE_BUFFERS);
	c->client = client_context(TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384");
	c->open_client = client_context(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256");
	return 0;
}

int relaying_free_contexts(void **state)
{
	(void)state;
	SSL_CTX_free(contexts.server);
	SSL_CTX_free(contexts.client);
	SSL_CTX_free(contexts.open_client);
	free_identity(&contexts.ec);
	free_identity(&contexts.rsa);
	return 0;
}

static void ended(void *arg, const struct uring_peer *peer, const char *reason)
{
	struct talk *t = peer->listener;

	(void)arg;
	t->ended++;
	snprintf(t->reason, sizeof(t->reason), "%s", reason ? reason : "");
	assert_true(!reason || *reason);
}

static void ticked(struct uring_op *op, int res)
{
	struct relaying *s = (struct relaying *)((char *)op - offsetof(struct relaying, turns.tick));

	(void)res;
	s->ticks++;
	assert_int_equal(uring_timeout(s->turns.loop, op, &s->turns.span), 0);
}

/* A relay lives as long as its process: kept in view of the leak checker. */
static struct uring_relay *relays[64];

void relaying_open(struct relaying *s, unsigned send_timeout)
{
	struct uring_relay_config config = {.arg = s, .send_timeout = send_timeout, .ended = ended};
	static unsigned count;

	memset(s, 0, sizeof(*s));
	s->descriptors = count_descriptors();
	turns_open(&s->turns);
	/* The test's own sockets end no turn: the tick is what lets it look at them. */
	s->turns.span.tv_nsec = TICK_NS;
	s->turns.tick.done = ticked;
	assert_int_equal(uring_relay_new(&s->relay, s->turns.loop, &config), 0);
	assert_int_equal(uring_relay_connections(s->relay), 0);
	assert_true(count < COUNT(relays));
	relays[count++] = s->relay;
}

static int none_left(void *arg)
{
	return !uring_relay_connections(((struct relaying *)arg)->relay);
}

void relaying_close(struct relaying *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		talk_close_client(s->talks[i]);
		talk_close_server(s->talks[i]);
	}
	relaying_until(s, none_left, s);
	relaying_quiet(s, 20);
	for (unsigned i = 0; i < s->count; i++) {
		assert_true(s->talks[i]->ended <= 1);
		connection_close(&s->talks[i]->tls);
		free(s->talks[i]);
	}
	turns_close(&s->turns);
	assert_int_equal(count_descriptors(), s->descriptors);
}

static void set_buffer(int fd, int name, size_t size)
{
	int n = (int)size;

	if (n)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, name, &n, sizeof(n)), 0);
}

static void make_sockets(struct relaying *s, struct talk *t)
{
	struct sockaddr_in at;
	int pair[2], on = 1, listener = listen_on_loopback(&at);

	set_buffer(listener, SO_RCVBUF, s->rcvbuf);
	t->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	set_buffer(t->client, SO_RCVBUF, s->rcvbuf);
	set_buffer(t->client, SO_SNDBUF, s->sndbuf);
	assert_int_equal(connect(t->client, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(setsockopt(t->client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	t->relay_fd = accept(listener, NULL, NULL);
	assert_true(t->relay_fd >= 0);
	set_buffer(t->relay_fd, SO_SNDBUF, s->sndbuf);
	close(listener);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	set_buffer(pair[0], SO_SNDBUF, s->sndbuf);
	set_buffer(pair[1], SO_SNDBUF, s->sndbuf);
	t->relay_plain = pair[0];
	t->server = pair[1];
}

struct talk *relaying_shake(struct relaying *s, SSL_CTX *client, SSL **ssl)
{
	struct talk *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	assert_true(s->count < RELAYING_MAX);
	s->talks[s->count++] = t;
	make_sockets(s, t);
	connection_open(&t->tls, contexts.server, client);
	assert_int_equal(connection_run(&t->tls), KTLS_HANDSHAKE_DONE);
	assert_int_equal(connection_client_turn(&t->tls), 1);
	ktls_handshake_keys(t->tls.server, &t->keys);
	*ssl = ktls_handshake_take_ssl(t->tls.server);
	return t;
}

struct talk *relaying_connect(struct relaying *s, SSL_CTX *client)
{
	unsigned before = uring_relay_connections(s->relay);
	struct uring_peer peer;
	SSL *ssl;
	struct talk *t = relaying_shake(s, client, &ssl);

	memset(&peer, 0, sizeof(peer));
	peer.listener = t;
	assert_int_equal(uring_relay_start(s->relay, &peer, t->relay_fd, t->relay_plain, ssl), 0);
	memset(&peer, 0xee, sizeof(peer));
	assert_int_equal(uring_relay_connections(s->relay), before + 1);
	return t;
}

void relaying_until(struct relaying *s, int (*over)(void *arg), void *arg)
{
	turns_until(&s->turns, over, arg);
}

void relaying_go_on(struct relaying *s)
{
	unsigned end = s->ticks + 10;

	while (s->ticks < end)
		assert_int_equal(uring_turn(s->turns.loop), 0);
}

/* Every turn without a tick was the relay's. */
unsigned relaying_turns(struct relaying *s, int ms)
{
	unsigned turns = 0, ticks = s->ticks;
	int64_t end = ktls_clock_ms() + ms;

	while (ktls_clock_ms() < end) {
		assert_int_equal(uring_turn(s->turns.loop), 0);
		turns++;
	}
	ticks = s->ticks - ticks;
	return turns > ticks ? turns - ticks : 0;
}

/* The kernel may have something left to carry, now and then, for a while; who never sleeps never gets
 * through. */
void relaying_quiet(struct relaying *s, int ms)
{
	for (int i = 0; i < WINDOWS; i++)
		if (!relaying_turns(s, ms))
			return;
	fail_msg("the relay does not sleep");
}

static int has_ended(void *arg)
{
	return ((struct talk *)arg)->ended > 0;
}

void relaying_expect_end(struct relaying *s, struct talk *t, const char *reason)
{
	relaying_until(s, has_ended, t);
	relaying_go_on(s);
	assert_int_equal(t->ended, 1);
	assert_string_equal(t->reason, reason ? reason : "");
	assert_int_equal(fcntl(t->relay_fd, F_GETFD), -1);
	assert_int_equal(fcntl(t->relay_plain, F_GETFD), -1);
}

struct talk *relaying_begin(struct relaying *s, unsigned send_timeout, int buffers)
{
	relaying_open(s, send_timeout);
	s->sndbuf = s->rcvbuf = buffers;
	return relaying_connect(s, contexts.client);
}
