/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server with clients that get what they came for. Those that do not are in test_server_refuse. */
#include "one_server.h"
#include "serving.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

enum {
	PATIENT = 3600, /* seconds: no handshake of this file may end by its time */
};

static struct serving s;

static unsigned feeds;
enum ktls_handshake_state __real_ktls_handshake_feed(
	struct ktls_handshake *h, const uint8_t *data, size_t len);
enum ktls_handshake_state __wrap_ktls_handshake_feed(
	struct ktls_handshake *h, const uint8_t *data, size_t len);

/* Counts the steps of all handshakes. */
enum ktls_handshake_state __wrap_ktls_handshake_feed(
	struct ktls_handshake *h, const uint8_t *data, size_t len)
{
	feeds++;
	return __real_ktls_handshake_feed(h, data, len);
}

static void test_established(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *client = client_context(version, NULL);
		const struct uring_peer *peer;
		struct caller *c;

		serving_open(&s, server, 10, PATIENT);
		c = serving_call(&s, client);
		serving_expect(&s, 1, 0);
		assert_int_equal(s.asked, 1);
		assert_int_equal(s.most, 1);
		assert_int_equal(s.troubles, 0);
		assert_int_equal(uring_server_handshakes(s.server), 0);
		peer = &serving_find(&s, c)->peer;
		assert_int_equal(peer->remote.any.sa_family, AF_INET);
		assert_int_equal(peer->remote.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
		assert_memory_equal(&peer->local.in, &s.at, sizeof(s.at));
		serving_talk(&s, c);
		serving_close(&s);
		SSL_CTX_free(client);
	}
}

static int second_done(struct serving *serving)
{
	return serving->callers[1].done && serving->established == 2;
}

/* The descriptor is the callee's: the server closes it neither then nor later. */
static void test_descriptor_is_handed_over(void **state)
{
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct caller *first, *second;

	(void)state;
	serving_open(&s, server, 10, PATIENT);
	first = serving_call(&s, client);
	serving_expect(&s, 1, 0);
	second = serving_call(&s, client);
	serving_until(&s, second_done);
	assert_int_not_equal(serving_find(&s, first)->fd, serving_find(&s, second)->fd);
	for (int i = 0; i < 3; i++) {
		serving_talk(&s, first);
		serving_talk(&s, second);
	}
	serving_close(&s);
	SSL_CTX_free(client);
}

/* Whatever stands behind the client's Finished in its segment is for the connection, so it stays in the
 * socket. */
static void expect_data_behind(SSL_CTX *client, SSL_SESSION *session)
{
	struct caller *c = serving_call(&s, client);
	unsigned before = s.established;

	if (session)
		assert_int_equal(SSL_set_session(c->ssl, session), 1);
	c->behind = "REGISTER sip:example.org SIP/2.0\r\n";
	serving_expect(&s, before + 1, 0);
	assert_int_equal(SSL_session_reused(c->ssl), session != NULL);
	accepted_hears(serving_find(&s, c), c->behind);
	serving_talk(&s, c);
}

static void test_data_behind_finished(void **state)
{
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);

	(void)state;
	serving_open(&s, server, 10, PATIENT);
	expect_data_behind(client, NULL);
	serving_close(&s);
	SSL_CTX_free(client);
}

/* A TLS 1.2 client has the last word only where it resumes. */
static void test_data_behind_finished_12(void **state)
{
	SSL_CTX *client = client_context(TLS1_2_VERSION, NULL);
	SSL_SESSION *session;

	(void)state;
	serving_open(&s, server, 10, PATIENT);
	serving_call(&s, client);
	serving_expect(&s, 1, 0);
	session = SSL_get1_session(s.callers[0].ssl);
	expect_data_behind(client, session);
	serving_close(&s);
	SSL_SESSION_free(session);
	SSL_CTX_free(client);
}

static void test_byte_at_a_time(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *client = client_context(version, NULL);
		struct caller *c;

		serving_open(&s, server, 10, PATIENT);
		c = serving_call(&s, client);
		c->piece = 1;
		serving_expect(&s, 1, 0);
		c->piece = 0;
		serving_talk(&s, c);
		serving_close(&s);
		SSL_CTX_free(client);
	}
}

/* A context may ask for more certificate than one read takes. */
static void test_large_flight(void **state)
{
	struct identity ca = make_identity("EC", "authority", NULL);
	struct identity large = make_identity("RSA", "large", &ca);
	SSL_CTX *strict = server_context(&id, KTLS_VERIFY_REQUIRE, &ca);
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct caller *c;

	(void)state;
	use_identity(client, &large);
	for (int i = 0; i < 12; i++) /* the chain; nobody needs it, but it takes some 10,000 bytes */
		assert_int_equal(SSL_CTX_add1_chain_cert(client, large.cert), 1);
	serving_open(&s, strict, 10, PATIENT);
	c = serving_call(&s, client);
	serving_expect(&s, 1, 0);
	serving_talk(&s, c);
	serving_close(&s);
	SSL_CTX_free(client);
	SSL_CTX_free(strict);
	free_identity(&large);
	free_identity(&ca);
}

static int all_asked(struct serving *serving)
{
	return serving->asked == 3;
}

static void test_admit(void **state)
{
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct caller *c;

	(void)state;
	serving_open(&s, server, 10, PATIENT);
	s.refuse = -EBUSY;
	for (int i = 0; i < 3; i++)
		serving_call(&s, client);
	serving_until(&s, all_asked);
	for (int i = 0; i < 3; i++)
		serving_until_closed(&s, &s.callers[i]);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(s.callers[i].alert, -1); /* without a word */
		assert_int_equal(BIO_pending(SSL_get_rbio(s.callers[i].ssl)), 0);
	}
	assert_int_equal(s.most, 0);
	s.refuse = 0;
	c = serving_call(&s, client);
	serving_expect(&s, 1, 0);
	assert_int_equal(s.asked, 4);
	serving_talk(&s, c);
	serving_close(&s);
	SSL_CTX_free(client);
}

/* One loop serves several listeners; each connection knows where it came in. */
static void test_two_listeners(void **state)
{
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct sockaddr_in first, second;
	struct caller *a, *b;
	int fd;

	(void)state;
	serving_open(&s, server, 10, PATIENT);
	first = s.at;
	fd = listen_on_loopback(&second);
	assert_int_equal(uring_server_listen(s.server, fd, &s), 0);
	a = serving_call(&s, client);
	s.at = second;
	b = serving_call(&s, client);
	serving_expect(&s, 2, 0);
	assert_int_equal(serving_find(&s, a)->peer.local.in.sin_port, first.sin_port);
	assert_int_equal(serving_find(&s, b)->peer.local.in.sin_port, second.sin_port);
	close(fd);
	serving_close(&s);
	SSL_CTX_free(client);
}

static void test_many(void **state)
{
	SSL_CTX *clients[2] = {client_context(TLS1_2_VERSION, NULL), client_context(TLS1_3_VERSION, NULL)};

	(void)state;
	serving_open(&s, server, 1000, PATIENT);
	for (int i = 0; i < SERVING_MAX; i++)
		serving_call(&s, clients[i % 2]);
	serving_expect(&s, SERVING_MAX, 0);
	assert_int_equal(s.asked, SERVING_MAX);
	assert_int_equal(uring_server_handshakes(s.server), 0);
	for (int i = 0; i < SERVING_MAX; i++)
		serving_talk(&s, &s.callers[i]);
	serving_close(&s);
	SSL_CTX_free(clients[0]);
	SSL_CTX_free(clients[1]);
}

/* The same through the eye of a needle. */
static void test_many_one_by_one(void **state)
{
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);

	(void)state;
	serving_open(&s, server, 1, PATIENT);
	for (int i = 0; i < 50; i++)
		serving_call(&s, client);
	serving_expect(&s, 50, 0);
	assert_int_equal(s.most, 1);
	serving_close(&s);
	SSL_CTX_free(client);
}

struct other {
	struct uring_op op;
	unsigned feeds; /* before it was its turn */
	char byte;
};

static void note_feeds(struct uring_op *op, int res)
{
	assert_int_equal(res, 1);
	((struct other *)op)->feeds = feeds;
}

static int all_under_way(struct serving *serving)
{
	return uring_server_handshakes(serving->server) == 20;
}

/* Twenty have spoken when a byte comes for somebody else: it goes before all of their handshakes. */
static void test_gives_way(void **state)
{
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct other other = {.op.done = note_feeds, .feeds = UINT_MAX};
	int fds[2];

	(void)state;
	serving_open(&s, server, 100, PATIENT);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	for (int i = 0; i < 20; i++)
		serving_call(&s, client)->budget = 0;
	serving_until(&s, all_under_way);
	assert_int_equal(uring_recv(s.turns.loop, &other.op, fds[0], &other.byte, 1), 0);
	serving_go_on(&s);
	feeds = 0;
	for (int i = 0; i < 20; i++)
		assert_int_equal(send(s.callers[i].fd, "\x16\x03\x01\x02\x00", 5, 0), 5);
	assert_int_equal(send(fds[1], "x", 1, 0), 1);
	while (other.feeds == UINT_MAX)
		assert_int_equal(uring_turn(s.turns.loop), 0);
	assert_int_equal(other.feeds, 0);
	while (feeds < 20)
		assert_int_equal(uring_turn(s.turns.loop), 0);
	for (int i = 0; i < 20; i++)
		caller_hang_up(&s.callers[i]);
	serving_expect(&s, 0, 20);
	close(fds[0]);
	close(fds[1]);
	serving_close(&s);
	SSL_CTX_free(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_established),
		cmocka_unit_test(test_descriptor_is_handed_over),
		cmocka_unit_test(test_data_behind_finished),
		cmocka_unit_test(test_data_behind_finished_12),
		cmocka_unit_test(test_byte_at_a_time),
		cmocka_unit_test(test_large_flight),
		cmocka_unit_test(test_admit),
		cmocka_unit_test(test_two_listeners),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_many_one_by_one),
		cmocka_unit_test(test_gives_way),
	};

	return cmocka_run_group_tests_name("server", tests, one_server_prepare, one_server_clean_up);
}
