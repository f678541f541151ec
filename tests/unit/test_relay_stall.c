/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Relayed connections where somebody does not listen, or where nobody says anything. */
#include "relaying.h"

#include "ktls/sys.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PATIENT = 3600, /* seconds */
	QUIET_MS = 200,
	BUFFERS = 65536,
	/* What a connection may hold at the most: 20 KB each way and a record that OpenSSL has not read
	 * whole. */
	HELD_MAX = 60000,
};

static struct relaying s;

/* Bytes of the heap in use; under a sanitizer, which has a heap of its own, this does not change. */
static size_t heap(void)
{
	return mallinfo2().uordblks;
}

static uint8_t chunk[16384];

static void warm_up(struct talk *t)
{
	/* OpenSSL's memory BIOs of the client never shrink; they are as large as they get after this. */
	talk_exchange(&s, t, 100000, 100000);
}

static void check_others(struct talk *other)
{
	talk_exchange(&s, other, 50000, 50000);
	talk_exchange(&s, other, 1, 1);
}

static void test_client_does_not_listen(void **state)
{
	struct talk *t = relaying_begin(&s, PATIENT, BUFFERS), *other = relaying_connect(&s, contexts.client);
	size_t before;

	(void)state;
	warm_up(t);
	before = heap();
	assert_true(talk_server_say_all(&s, t) > BUFFERS);
	assert_true(heap() <= before + HELD_MAX);
	relaying_quiet(&s, QUIET_MS);
	check_others(other);
	/* Its other direction goes on, too. */
	talk_say(t, "but it speaks", 13);
	talk_server_expect(&s, t, "but it speaks", 13);
	assert_int_equal(t->ended, 0);
	relaying_close(&s);
}

static void test_server_does_not_listen(void **state)
{
	struct talk *t = relaying_begin(&s, PATIENT, BUFFERS), *other = relaying_connect(&s, contexts.client);
	size_t before;

	(void)state;
	warm_up(t);
	before = heap();
	assert_true(talk_say_all(&s, t) > BUFFERS);
	assert_true(heap() <= before + HELD_MAX);
	relaying_quiet(&s, QUIET_MS);
	check_others(other);
	assert_int_equal(talk_server_say(t, "but it speaks", 13), 13);
	talk_client_expect(&s, t, "but it speaks", 13);
	assert_int_equal(t->ended, 0);
	relaying_close(&s);
}

/* A client that negotiated records of 512 bytes (RFC 6066 4): one chunk of the server's is many of them. */
static void test_short_records_wait(void **state)
{
	SSL_CTX *client = client_context(TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384");
	struct talk *t;
	uint8_t *zeros;
	size_t said;

	(void)state;
	assert_int_equal(SSL_CTX_set_tlsext_max_fragment_length(client, TLSEXT_max_fragment_length_512), 1);
	relaying_begin(&s, PATIENT, BUFFERS);
	t = relaying_connect(&s, client);
	said = talk_server_say_all(&s, t);
	assert_int_equal(t->ended, 0);
	zeros = calloc(said, 1);
	assert_non_null(zeros);
	talk_client_expect(&s, t, zeros, said);
	free(zeros);
	relaying_close(&s);
	SSL_CTX_free(client);
}

struct tally {
	struct talk *t;
	size_t left, down_left;
};

static int all_heard(void *arg)
{
	static uint8_t got[sizeof(chunk)];
	struct tally *y = arg;
	ssize_t n;

	talk_pass(y->t);
	n = y->left ? talk_server_hear(y->t, got, y->left < sizeof(got) ? y->left : sizeof(got)) : 0;
	assert_true(n >= 0);
	y->left -= (size_t)n;
	n = y->down_left
		    ? (ssize_t)talk_hear(y->t, got, y->down_left < sizeof(got) ? y->down_left : sizeof(got))
		    : 0;
	y->down_left -= (size_t)n;
	return !y->left && !y->down_left;
}

/* Stalled on both sides at once: it sleeps, and when they listen again nothing was lost. */
static void test_asleep(void **state)
{
	struct tally y;
	size_t before;

	(void)state;
	y.t = relaying_begin(&s, PATIENT, BUFFERS);
	warm_up(y.t);
	for (int round = 0; round < 3; round++) {
		before = heap();
		y.down_left = talk_server_say_all(&s, y.t);
		y.left = talk_say_all(&s, y.t);
		assert_true(heap() <= before + 2 * HELD_MAX);
		relaying_quiet(&s, QUIET_MS);
		assert_true(heap() <= before + 2 * HELD_MAX);
		relaying_until(&s, all_heard, &y);
		talk_exchange(&s, y.t, 100000, 100000);
	}
	relaying_quiet(&s, QUIET_MS);
	relaying_close(&s);
}

/* Forged while the way back is full: the alert waits for its turn, and for no longer than the rest. */
static void test_alert_waits(void **state)
{
	struct tally y = {.left = 0};
	char *data;

	(void)state;
	y.t = relaying_begin(&s, PATIENT, BUFFERS);
	y.down_left = talk_server_say_all(&s, y.t);
	talk_say(y.t, "forged", 6);
	assert_true(BIO_get_mem_data(SSL_get_wbio(y.t->tls.client), &data) > 30);
	data[30] ^= 1;
	talk_pass(y.t);
	talk_server_expect_end(&s, y.t);
	relaying_quiet(&s, QUIET_MS);
	assert_int_equal(y.t->ended, 0);
	while (!y.t->closed && !y.t->error) {
		talk_hear(y.t, chunk, sizeof(chunk));
		relaying_go_on(&s);
	}
	assert_int_equal(y.t->tls.client_alert, 20);
	relaying_expect_end(&s, y.t, "its record cannot be read (decryption failed or bad record mac)");
	relaying_close(&s);
}

/* Whoever asks for ever and reads no answer finds an end. */
static void test_asks_and_does_not_listen(void **state)
{
	struct talk *t, *other;
	size_t before;

	(void)state;
	other = relaying_begin(&s, PATIENT, BUFFERS);
	t = relaying_connect(&s, contexts.open_client);
	talk_server_say_all(&s, t);
	before = heap();
	for (unsigned i = 0; !t->ended; i++) {
		assert_true(i < 100000);
		if (!BIO_pending(SSL_get_wbio(t->tls.client))) {
			talk_ask_to_renegotiate(t);
			talk_record(t, KTLS_APPLICATION_DATA, "x", 1); /* else it would end sooner */
		}
		talk_pass(t);
		talk_server_hear(t, chunk, sizeof(chunk));
		assert_int_equal(uring_turn(s.turns.loop), 0);
		assert_true(heap() <= before + HELD_MAX);
	}
	relaying_expect_end(&s, t, "it goes on asking and does not read the answers");
	check_others(other);
	relaying_close(&s);
}

static int narrow_fd;
static size_t narrow_room;

/* A socket that has room for so many bytes and no more. */
static ssize_t narrow_send(int fd, const void *buf, size_t len, int flags)
{
	ssize_t n;

	if (fd != narrow_fd)
		return send(fd, buf, len, flags);
	errno = EAGAIN;
	if (!narrow_room)
		return -1;
	n = send(fd, buf, len < narrow_room ? len : narrow_room, flags);
	narrow_room -= n > 0 ? (size_t)n : 0;
	return n;
}

static void start_narrow(const struct talk *t, size_t room)
{
	narrow_fd = t->relay_fd;
	narrow_room = room;
	ktls_sys.send = narrow_send;
}

/* An answer of OpenSSL's own finds no room while the other direction waits for the server to say something.
 */
static void test_answer_finds_no_room(void **state)
{
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, contexts.open_client);
	for (size_t room = 0; room < 10; room++) {
		start_narrow(t, room);
		talk_ask_to_renegotiate(t);
		talk_pass(t);
		relaying_go_on(&s);
		ktls_sys.send = send;
		talk_expect_record(&s, t, KTLS_ALERT, "\1\144", 2);
		relaying_quiet(&s, 20);
		assert_int_equal(talk_server_say(t, "down", 4), 4);
		talk_expect_record(&s, t, KTLS_APPLICATION_DATA, "down", 4);
	}
	relaying_close(&s);
}

/* The same behind a record of which a part is written. */
static void test_answer_behind_half_a_record(void **state)
{
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, contexts.open_client);
	for (size_t room = 0; room < 10; room++) {
		start_narrow(t, room);
		assert_int_equal(talk_server_say(t, "down", 4), 4);
		relaying_go_on(&s);
		narrow_room = room;
		relaying_go_on(&s);
		talk_ask_to_renegotiate(t);
		talk_pass(t);
		relaying_go_on(&s);
		narrow_room = 1;
		relaying_go_on(&s);
		ktls_sys.send = send;
		talk_expect_record(&s, t, KTLS_APPLICATION_DATA, "down", 4);
		talk_expect_record(&s, t, KTLS_ALERT, "\1\144", 2);
	}
	relaying_close(&s);
}

/* Nobody says anything, or half of something. An idle connection costs less than it did after its handshake.
 */
static void test_idle(void **state)
{
	struct uring_peer peer;
	struct talk *t;
	size_t with_memory_bios, idle;
	SSL *ssl;

	(void)state;
	memset(&peer, 0, sizeof(peer));
	relaying_open(&s, PATIENT);
	t = peer.listener = relaying_shake(&s, contexts.client, &ssl);
	with_memory_bios = heap();
	assert_int_equal(uring_relay_start(s.relay, &peer, t->relay_fd, t->relay_plain, ssl), 0);
	assert_true(heap() <= with_memory_bios + 1280); /* the connection and its host */
	relaying_quiet(&s, QUIET_MS);
	warm_up(t);
	relaying_quiet(&s, QUIET_MS);
	idle = heap();
	for (int i = 0; i < 3; i++) {
		talk_exchange(&s, t, 90000, 90000);
		relaying_quiet(&s, 20);
		assert_true(heap() <= idle + 64);
	}
	talk_say(t, "half", 4);
	t->piece = 20;
	assert_int_equal(talk_pass(t), 20);
	relaying_quiet(&s, QUIET_MS);
	assert_true(heap() <= idle + HELD_MAX);
	t->piece = 0;
	talk_server_expect(&s, t, "half", 4);
	relaying_close(&s);
}

static void test_crowd_asleep(void **state)
{
	(void)state;
	relaying_open(&s, PATIENT);
	s.sndbuf = s.rcvbuf = BUFFERS / 4;
	for (int i = 0; i < 50; i++) {
		struct talk *t = relaying_connect(&s, contexts.client);

		talk_exchange(&s, t, 10, 10);
		if (i % 3)
			talk_server_say(t, chunk, sizeof(chunk));
		if (i % 2) {
			talk_say(t, chunk, sizeof(chunk));
			talk_pass(t);
		}
	}
	relaying_go_on(&s);
	relaying_quiet(&s, QUIET_MS);
	check_others(s.talks[0]);
	relaying_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_does_not_listen),
		cmocka_unit_test(test_server_does_not_listen),
		cmocka_unit_test(test_short_records_wait),
		cmocka_unit_test(test_asleep),
		cmocka_unit_test(test_alert_waits),
		cmocka_unit_test(test_asks_and_does_not_listen),
		cmocka_unit_test(test_answer_finds_no_room),
		cmocka_unit_test(test_answer_behind_half_a_record),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_crowd_asleep),
	};

	return cmocka_run_group_tests_name(
		"relay_stall", tests, relaying_make_contexts, relaying_free_contexts);
}
