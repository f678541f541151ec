/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The relay: what is said on one side is heard on the other. Unusual records are in test_relay_tls, ends in
 * test_relay_end and test_relay_any, sides that do not listen in test_relay_stall. */
#include "relaying.h"

#include "ktls/sys.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	PATIENT = 3600, /* seconds: nothing in this file may end by its time */
};

static const char *const suites[] = {
	"ECDHE-ECDSA-AES128-SHA",
	"ECDHE-ECDSA-AES256-SHA384",
	"ECDHE-RSA-AES128-SHA256",
	"AES256-SHA256",
};

static struct relaying s;

static void test_suites(void **state)
{
	static const size_t lengths[] = {1, 100, 16383, 16384, 16385, 100000};

	(void)state;
	relaying_open(&s, PATIENT);
	for (unsigned i = 0; i < 2 * COUNT(suites); i++) {
		SSL_CTX *client = client_context(TLS1_2_VERSION, suites[i / 2]);
		struct talk *t;

		if (i % 2) /* MAC then encrypt, as older clients do */
			SSL_CTX_set_options(client, SSL_OP_NO_ENCRYPT_THEN_MAC);
		t = relaying_connect(&s, client);
		assert_string_equal(SSL_get_cipher_name(t->tls.client), suites[i / 2]);
		assert_zero(&t->keys.tx, sizeof(t->keys.tx)); /* there are none to be given away */
		for (unsigned l = 0; l < COUNT(lengths); l++) {
			talk_exchange(&s, t, lengths[l], 0);
			talk_exchange(&s, t, 0, lengths[l]);
			talk_exchange(&s, t, lengths[l], lengths[l]);
		}
		SSL_CTX_free(client);
	}
	relaying_close(&s);
}

static void test_megabyte_each_way(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(suites); i++) {
		SSL_CTX *client = client_context(TLS1_2_VERSION, suites[i]);
		struct talk *t;

		relaying_open(&s, PATIENT);
		t = relaying_connect(&s, client);
		talk_exchange(&s, t, 1 << 20, 1 << 20);
		talk_exchange(&s, t, 1 << 20, 10);
		talk_exchange(&s, t, 10, 1 << 20);
		relaying_close(&s);
		SSL_CTX_free(client);
	}
}

/* The same through sockets that hold little, so that each side has to wait for the other all the time. */
static void test_narrow(void **state)
{
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	s.sndbuf = s.rcvbuf = 4096;
	t = relaying_connect(&s, contexts.client);
	talk_exchange(&s, t, 300000, 300000);
	relaying_close(&s);
}

static void test_pieces(void **state)
{
	static const size_t pieces[] = {7, 1};
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, contexts.client);
	for (unsigned i = 0; i < COUNT(pieces); i++) {
		t->piece = pieces[i];
		talk_exchange(&s, t, 17000 / (1 + i * 9), 17000);
		talk_exchange(&s, t, 1, 1);
	}
	relaying_close(&s);
}

/* More records come at once than a turn takes; then the last is not whole for a while. */
static void test_many_records_in_a_segment(void **state)
{
	uint8_t said[500];
	struct talk *t;

	(void)state;
	fill(said, sizeof(said), 1);
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, contexts.client);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < sizeof(said); i++)
			talk_say(t, said + i, 1);
		talk_server_expect(&s, t, said, sizeof(said));
	}
	for (unsigned i = 0; i < sizeof(said); i++)
		talk_say(t, said + i, 1);
	t->piece = (size_t)BIO_pending(SSL_get_wbio(t->tls.client)) - 3;
	assert_int_equal(talk_pass(t), t->piece);
	t->piece = 1;
	relaying_quiet(&s, 50);
	talk_server_expect(&s, t, said, sizeof(said));
	relaying_close(&s);
}

/* The server says byte after byte without waiting for anything. */
static void test_server_says_little(void **state)
{
	uint8_t said[200]; /* each costs a buffer of the pair's, which holds some 270 */
	struct talk *t;

	(void)state;
	fill(said, sizeof(said), 2);
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, contexts.client);
	for (unsigned i = 0; i < sizeof(said); i++)
		assert_int_equal(talk_server_say(t, said + i, 1), 1);
	talk_client_expect(&s, t, said, sizeof(said));
	relaying_close(&s);
}

/* Both sides spoke before the relay was told of them. */
static void test_said_before(void **state)
{
	struct uring_peer peer = {.listener = NULL};
	struct talk *t;
	SSL *ssl;

	(void)state;
	relaying_open(&s, PATIENT);
	peer.listener = t = relaying_shake(&s, contexts.client, &ssl);
	talk_say(t, "early", 5);
	talk_say(t, "bird", 4);
	assert_true(talk_pass(t) > 9);
	assert_int_equal(talk_server_say(t, "worm", 4), 4);
	assert_int_equal(uring_relay_start(s.relay, &peer, t->relay_fd, t->relay_plain, ssl), 0);
	talk_server_expect(&s, t, "earlybird", 9);
	talk_client_expect(&s, t, "worm", 4);
	relaying_close(&s);
}

static void test_crowd(void **state)
{
	SSL_CTX *clients[COUNT(suites)];

	(void)state;
	for (unsigned i = 0; i < COUNT(suites); i++)
		clients[i] = client_context(TLS1_2_VERSION, suites[i]);
	relaying_open(&s, PATIENT);
	for (unsigned i = 0; i < RELAYING_MAX; i++)
		relaying_connect(&s, clients[i % COUNT(suites)]);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < RELAYING_MAX; i++)
			talk_exchange(&s, s.talks[i], 300 + i, 40000 - i);
	relaying_close(&s);
	for (unsigned i = 0; i < COUNT(suites); i++)
		SSL_CTX_free(clients[i]);
}

static unsigned calls;

/* A kernel that is short of everything, in turn. Each call that says EAGAIN is followed by a poll. */
static ssize_t little_recv(int fd, void *buf, size_t len, int flags)
{
	assert_int_equal(flags, MSG_DONTWAIT);
	errno = calls % 5 == 1 ? EINTR : EAGAIN;
	if (calls++ % 5 < 2)
		return -1;
	return recv(fd, buf, len > 100 ? len / 2 : len, flags);
}

static ssize_t little_send(int fd, const void *buf, size_t len, int flags)
{
	assert_int_equal(flags, MSG_DONTWAIT | MSG_NOSIGNAL);
	errno = calls % 3 == 1 ? EINTR : EAGAIN;
	if (calls++ % 3 < 2)
		return -1;
	return send(fd, buf, len > 100 ? len / 3 : len, flags);
}

static void test_short_calls(void **state)
{
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, contexts.client);
	ktls_sys.recv = little_recv;
	ktls_sys.send = little_send;
	talk_exchange(&s, t, 200000, 200000);
	ktls_sys.recv = recv;
	ktls_sys.send = send;
	talk_exchange(&s, t, 1000, 1000);
	relaying_close(&s);
}

static int count_conn_fds(int fd, int plain)
{
	char byte;

	return (recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EBADF) +
	       (recv(plain, &byte, 1, MSG_DONTWAIT) < 0 && errno == EBADF);
}

/* What is not fit is refused, and taken all the same. */
static void test_not_fit(void **state)
{
	struct uring_peer peer = {.listener = NULL};

	(void)state;
	relaying_open(&s, PATIENT);
	for (int i = 0; i < 3; i++) {
		SSL *ssl;
		struct talk *t = relaying_shake(&s, contexts.client, &ssl);
		BIO *bio = i ? SSL_get_wbio(ssl) : SSL_get_rbio(ssl);

		if (i == 2)
			assert_int_equal(SSL_clear(ssl), 1); /* no handshake */
		else
			assert_int_equal(BIO_write(bio, "left over", 9), 9);
		assert_int_equal(
			uring_relay_start(s.relay, &peer, t->relay_fd, t->relay_plain, ssl), -EINVAL);
		assert_int_equal(count_conn_fds(t->relay_fd, t->relay_plain), 2);
		assert_int_equal(uring_relay_connections(s.relay), 0);
	}
	relaying_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_megabyte_each_way),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_many_records_in_a_segment),
		cmocka_unit_test(test_server_says_little),
		cmocka_unit_test(test_said_before),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_short_calls),
		cmocka_unit_test(test_not_fit),
	};

	return cmocka_run_group_tests_name("relay", tests, relaying_make_contexts, relaying_free_contexts);
}
