/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Relayed connections where somebody does not listen, or where nobody says anything. */
#include "relaying.h"

#include "ktls/sys.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

enum {
	PATIENT = 3600, /* seconds */
	QUIET_MS = 200,
	BUFFERS = 65536,
	/* What a connection may hold at the most: 17 KB each way and a record that OpenSSL has not read
	 * whole. */
	HELD_MAX = 60000,
};

static const char not_written[] = "not written within send_timeout (1 s)";

static struct relaying s;

/* Bytes of the heap in use; under a sanitizer, which has a heap of its own, this does not change. */
static size_t heap(void)
{
	return mallinfo2().uordblks;
}

static uint8_t chunk[16384];

/* Gives the relay its turn; a longer one after each time that nothing went. Returns how often that was. */
static unsigned give_turn(size_t went, unsigned idle)
{
	if (went) {
		assert_int_equal(uring_turn(s.turns.loop), 0);
		return 0;
	}
	relaying_go_on(&s);
	return idle + 1;
}

/* The server, or the client, says what it can until nothing goes any more. Returns the number of bytes. */
static size_t say_all_of_server(struct talk *t)
{
	size_t said = 0, n;

	for (unsigned idle = 0; idle < 5; idle = give_turn(n, idle)) {
		n = talk_server_say(t, chunk, sizeof(chunk));
		said += n;
	}
	return said;
}

static size_t say_all_of_client(struct talk *t)
{
	size_t said = 0;

	for (unsigned idle = 0; idle < 5; idle = give_turn(talk_pass(t), idle)) {
		if (BIO_pending(SSL_get_wbio(t->tls.client)))
			continue;
		talk_say(t, chunk, sizeof(chunk));
		said += sizeof(chunk);
	}
	return said;
}

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

/* Sockets of a fixed size: others grow while nobody reads from them. */
static struct talk *open_talk(unsigned send_timeout)
{
	relaying_open(&s, send_timeout);
	s.sndbuf = s.rcvbuf = BUFFERS;
	return relaying_connect(&s, contexts.client);
}

static void test_client_does_not_listen(void **state)
{
	struct talk *t = open_talk(PATIENT), *other = relaying_connect(&s, contexts.client);
	size_t before;

	(void)state;
	warm_up(t);
	before = heap();
	assert_true(say_all_of_server(t) > BUFFERS);
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
	struct talk *t = open_talk(PATIENT), *other = relaying_connect(&s, contexts.client);
	size_t before;

	(void)state;
	warm_up(t);
	before = heap();
	assert_true(say_all_of_client(t) > BUFFERS);
	assert_true(heap() <= before + HELD_MAX);
	relaying_quiet(&s, QUIET_MS);
	check_others(other);
	assert_int_equal(talk_server_say(t, "but it speaks", 13), 13);
	talk_client_expect(&s, t, "but it speaks", 13);
	assert_int_equal(t->ended, 0);
	relaying_close(&s);
}

/* Each has its time from when it last took something; who listens is not touched. */
static void test_time_is_over(void **state)
{
	struct talk *other = open_talk(1), *t[3];

	(void)state;
	for (unsigned i = 0; i < COUNT(t); i++) {
		int64_t start = milliseconds();

		t[i] = relaying_connect(&s, contexts.client);
		if (i != 1)
			say_all_of_server(t[i]);
		if (i != 0)
			say_all_of_client(t[i]);
		relaying_expect_end(&s, t[i], not_written);
		assert_true(milliseconds() - start >= 1000);
		check_others(other);
	}
	relaying_quiet(&s, QUIET_MS);
	assert_int_equal(other->ended, 0);
	relaying_close(&s);
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
	y.t = open_talk(PATIENT);
	warm_up(y.t);
	for (int round = 0; round < 3; round++) {
		before = heap();
		y.down_left = say_all_of_server(y.t);
		y.left = say_all_of_client(y.t);
		assert_true(heap() <= before + 2 * HELD_MAX);
		relaying_quiet(&s, QUIET_MS);
		assert_true(heap() <= before + 2 * HELD_MAX);
		relaying_until(&s, all_heard, &y);
		talk_exchange(&s, y.t, 100000, 100000);
	}
	relaying_quiet(&s, QUIET_MS);
	relaying_close(&s);
}

/* A trickle of bytes is enough to stay, even where it does not make room enough for a poll. */
static void test_slow_listener(void **state)
{
	struct talk *t;
	int64_t end;
	uint8_t got[1024];

	(void)state;
	t = open_talk(2);
	say_all_of_client(t);
	end = milliseconds() + 3000;
	while (milliseconds() < end) {
		int64_t next = milliseconds() + 50;

		while (milliseconds() < next)
			relaying_go_on(&s);
		assert_true(talk_server_hear(t, got, sizeof(got)) > 0);
		assert_int_equal(t->ended, 0);
	}
	relaying_expect_end(&s, t, "not written within send_timeout (2 s)");
	relaying_close(&s);
}

/* The server said its last and closed; what is not taken is lost, and that is no orderly end. */
static void test_last_words_not_taken(void **state)
{
	struct talk *t;

	(void)state;
	t = open_talk(1);
	say_all_of_server(t);
	talk_close_server(t);
	relaying_expect_end(&s, t, not_written);
	relaying_close(&s);
}

/* The other way round: the client has said goodbye behind what the server does not take. */
static void test_last_words_not_read(void **state)
{
	struct talk *t;

	(void)state;
	relaying_open(&s, 1);
	s.sndbuf = 4096; /* the pair holds less than a record */
	t = relaying_connect(&s, contexts.client);
	talk_say(t, chunk, 16000);
	assert_int_equal(SSL_shutdown(t->tls.client), 0);
	talk_pass(t);
	relaying_expect_end(&s, t, not_written);
	relaying_close(&s);
}

/* Forged while the way back is full: the alert waits for its turn, and for no longer than the rest. */
static void test_alert_waits(void **state)
{
	struct tally y = {.left = 0};
	char *data;

	(void)state;
	y.t = open_talk(PATIENT);
	y.down_left = say_all_of_server(y.t);
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

static const uint8_t client_hello[] = {1, 0, 0, 41, 3, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 0, 0, 2, 0xc0, 0x2b, 1, 0};

/* Whoever asks for ever and reads no answer finds an end. */
static void test_asks_and_does_not_listen(void **state)
{
	struct talk *t, *other;
	size_t before;

	(void)state;
	other = open_talk(PATIENT);
	t = relaying_connect(&s, contexts.open_client);
	say_all_of_server(t);
	before = heap();
	for (unsigned i = 0; !t->ended; i++) {
		assert_true(i < 100000);
		if (!BIO_pending(SSL_get_wbio(t->tls.client)))
			talk_record(t, KTLS_HANDSHAKE, client_hello, sizeof(client_hello));
		talk_pass(t);
		assert_int_equal(uring_turn(s.turns.loop), 0);
		assert_true(heap() <= before + HELD_MAX);
	}
	relaying_expect_end(&s, t, "it goes on asking and does not read the answers");
	check_others(other);
	relaying_close(&s);
}

static int full_fd;

static ssize_t full_send(int fd, const void *buf, size_t len, int flags)
{
	if (fd != full_fd)
		return send(fd, buf, len, flags);
	full_fd = -1;
	errno = EAGAIN;
	return -1;
}

/* An answer of OpenSSL's own finds no room while the other direction waits for the server to say something.
 */
static void test_answer_finds_no_room(void **state)
{
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, contexts.open_client);
	for (int i = 0; i < 10; i++) {
		ktls_sys.send = full_send;
		full_fd = t->relay_fd;
		talk_record(t, KTLS_HANDSHAKE, client_hello, sizeof(client_hello));
		talk_expect_record(&s, t, KTLS_ALERT, "\1\144", 2);
		ktls_sys.send = send;
		relaying_quiet(&s, 20);
		assert_int_equal(talk_server_say(t, "down", 4), 4);
		talk_expect_record(&s, t, KTLS_APPLICATION_DATA, "down", 4);
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
	assert_true(heap() <= with_memory_bios + 1024);
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
		cmocka_unit_test(test_time_is_over),
		cmocka_unit_test(test_asleep),
		cmocka_unit_test(test_slow_listener),
		cmocka_unit_test(test_last_words_not_taken),
		cmocka_unit_test(test_last_words_not_read),
		cmocka_unit_test(test_alert_waits),
		cmocka_unit_test(test_asks_and_does_not_listen),
		cmocka_unit_test(test_answer_finds_no_room),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_crowd_asleep),
	};

	return cmocka_run_group_tests_name(
		"relay_stall", tests, relaying_make_contexts, relaying_free_contexts);
}
