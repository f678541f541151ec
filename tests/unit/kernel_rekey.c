/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams in the two homes against each other, while keys change. Key changes of the kernel's end are skipped
 * where it takes none (before Linux 6.14); EXPECT_REKEY=1 in the environment makes that a failure.
 */
#include "line.h"
#include "pair.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static enum ktls_role b_role;

/* a in user space, b in the kernel. */
struct homes {
	struct ktls_stream a, b;
	struct pair *p;
};

static struct homes open_homes(struct pair *p)
{
	uint8_t len = p->a_tx.version != TLS1_3_VERSION ? 0 : p->a_tx.aead == KTLS_AES_256_GCM ? 48 : 32;
	struct ktls_session_keys b = {.role = b_role,
		.rx = p->a_tx,
		.tx = p->b_tx,
		.rx_secret = make_secret(len, 1),
		.tx_secret = make_secret(len, 2)};
	struct ktls_session_keys a = {.role = b_role == KTLS_SERVER ? KTLS_CLIENT : KTLS_SERVER,
		.rx = b.tx,
		.tx = b.rx,
		.rx_secret = b.tx_secret,
		.tx_secret = b.rx_secret};
	struct homes h = {.p = p};

	pair_install(p);
	ktls_stream_init(&h.a, KTLS_HOME_USER, &a, 0);
	ktls_stream_init(&h.b, KTLS_HOME_KERNEL, &b, caps.rekey == 0);
	return h;
}

static void close_homes(struct homes *h)
{
	ktls_stream_wipe(&h->a, &line_memory);
	ktls_stream_wipe(&h->b, &line_memory);
}

static void for_each_role(void (*check)(struct pair *p))
{
	b_role = KTLS_SERVER;
	for_each_supported(check);
	b_role = KTLS_CLIENT;
	for_each_supported(check);
}

/* Reads until there is content (expected) or, for the empty string, until the reader has to respond. */
static void expect(struct ktls_stream *s, int fd, const char *expected)
{
	size_t have = 0, len = strlen(expected);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	struct ktls_read r = {.end = KTLS_END_NONE};
	char buf[64];

	while (len ? have < len : !r.respond) {
		if (!r.more)
			assert_int_equal(poll(&pfd, 1, 10000), 1);
		have += (size_t)ktls_stream_read(s, fd, buf + have, sizeof(buf) - have, &line_memory, &r);
		assert_int_equal(r.end, KTLS_END_NONE);
	}
	assert_int_equal(have, len);
	assert_memory_equal(buf, expected, len);
}

static void a_says(struct homes *h, const char *text)
{
	uint8_t wire[256];
	size_t taken;
	ssize_t n = ktls_stream_seal(&h->a, text, strlen(text), wire, sizeof(wire), &taken);

	assert_true(n > 0 && taken == strlen(text));
	assert_int_equal(send(h->p->a, wire, (size_t)n, 0), n);
	expect(&h->b, h->p->b, text);
}

static void b_says(struct homes *h, const char *text)
{
	assert_int_equal(ktls_stream_count_write(&h->b, strlen(text)), 0);
	assert_int_equal(send(h->p->b, text, strlen(text), 0), strlen(text));
	expect(&h->a, h->p->a, text);
}

/* a sends a KeyUpdate that wants an answer, which a stream of its own accord never does. */
static void a_requests_update(struct homes *h)
{
	uint8_t record[64];
	ssize_t n = ktls_record_seal(&h->a.tx, KTLS_HANDSHAKE, "\30\0\0\1\1", 5, record, sizeof(record));

	assert_true(n > 0);
	assert_int_equal(send(h->p->a, record, (size_t)n, 0), n);
	assert_int_equal(ktls_key_update(&h->a.tx, &h->a.tx_secret), 0);
}

static void check_talk(struct pair *p)
{
	struct homes h = open_homes(p);

	for (unsigned i = 0; i < 20; i++) {
		a_says(&h, "from user space");
		b_says(&h, "from the kernel");
	}
	close_homes(&h);
}

static void test_talk(void **state)
{
	(void)state;
	for_each_role(check_talk);
}

static void check_key_changes(struct pair *p)
{
	struct homes h;

	if (p->a_tx.version != TLS1_3_VERSION)
		return;
	h = open_homes(p);
	for (unsigned i = 0; i < 5; i++) {
		a_says(&h, "old key");
		h.a.owes = KTLS_OWES_KEY_UPDATE; /* as at the limit of its key */
		a_says(&h, "new key of a");
		h.b.tx.seq = h.b.tx.aead == KTLS_AES_128_CCM ? KTLS_CCM_SOFT_LIMIT : KTLS_GCM_SOFT_LIMIT;
		assert_int_equal(ktls_stream_count_write(&h.b, 1), 0);
		h.b.owes |= KTLS_OWES_KEY_UPDATE; /* ChaCha20-Poly1305 has hardly a limit */
		assert_int_equal(ktls_stream_respond(&h.b, p->b), 0);
		b_says(&h, "new key of b");
		a_requests_update(&h);
		expect(&h.b, p->b, "");
		assert_int_equal(ktls_stream_respond(&h.b, p->b), 0);
		b_says(&h, "the answer's key of b");
		a_says(&h, "newer key of a");
	}
	close_homes(&h);
}

static void test_key_changes(void **state)
{
	const char *expected = getenv("EXPECT_REKEY");

	(void)state;
	if (expected && !strcmp(expected, "1"))
		assert_int_equal(caps.rekey, 0);
	if (caps.rekey)
		skip();
	for_each_role(check_key_changes);
}

/* A kernel without new keys must say goodbye, which the other end can still read. */
static void check_end_of_key(struct pair *p)
{
	struct pollfd pfd = {.fd = p->b, .events = POLLIN};
	struct ktls_read r;
	struct homes h;
	char buf[16];

	if (p->a_tx.version != TLS1_3_VERSION)
		return;
	h = open_homes(p);
	h.b.can_rekey = 0;
	a_says(&h, "text");
	a_requests_update(&h);
	do {
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		assert_int_equal(ktls_stream_read(&h.b, p->b, buf, sizeof(buf), NULL, &r), 0);
	} while (r.end == KTLS_END_NONE);
	assert_true(r.end == KTLS_END_KEY_UPDATE && r.owed);
	assert_int_equal(ktls_stream_send_alert(&h.b, p->b, r.alert), 0);
	assert_peer_reads(p, KTLS_ALERT, "\1\0", 2);
	close_homes(&h);
}

static void test_end_of_key(void **state)
{
	(void)state;
	for_each_role(check_end_of_key);
}

/* A client is handed the server's tickets, whatever comes around them, and goes on. */
static void check_tickets(struct pair *p)
{
	static const char tickets[] = "\4\0\0\3one\4\0\0\5other";
	struct pollfd pfd = {.fd = p->b, .events = POLLIN};
	char text[64], heard[64];
	size_t have = 0, len = 0;
	struct homes h;

	if (p->a_tx.version != TLS1_3_VERSION)
		return;
	b_role = KTLS_CLIENT;
	h = open_homes(p);
	peer_writes(p, KTLS_HANDSHAKE, tickets, 7);
	peer_writes(p, KTLS_APPLICATION_DATA, "text", 4);
	peer_writes(p, KTLS_HANDSHAKE, tickets + 7, 9);
	peer_writes(p, KTLS_APPLICATION_DATA, "more", 4);
	while (have < 8) {
		struct ktls_read r;

		assert_int_equal(poll(&pfd, 1, 10000), 1);
		have += (size_t)ktls_stream_read(&h.b, p->b, text + have, sizeof(text) - have, NULL, &r);
		assert_int_equal(r.end, KTLS_END_NONE);
		assert_true(r.ticket_len <= sizeof(heard) - len);
		if (r.ticket)
			memcpy(heard + len, r.ticket, r.ticket_len);
		len += r.ticket_len;
	}
	assert_memory_equal(text, "textmore", 8);
	assert_int_equal(len, 16);
	assert_memory_equal(heard, tickets, 16);
	close_homes(&h);
}

static void test_tickets(void **state)
{
	(void)state;
	for_each_supported(check_tickets);
}

/* A server's HelloRequest is refused, a NewSessionTicket for a server ends the connection. */
static void check_other_messages(struct pair *p)
{
	struct pollfd pfd = {.fd = p->b, .events = POLLIN};
	int is_12 = p->a_tx.version == TLS1_2_VERSION;
	struct ktls_read r;
	struct homes h;
	char buf[16];

	b_role = is_12 ? KTLS_CLIENT : KTLS_SERVER;
	h = open_homes(p);
	peer_writes(p, KTLS_HANDSHAKE, is_12 ? "\0\0\0\0" : "\4\0\0\0", 4);
	assert_int_equal(poll(&pfd, 1, 10000), 1);
	assert_int_equal(ktls_stream_read(&h.b, p->b, buf, sizeof(buf), NULL, &r), 0);
	assert_null(r.ticket);
	if (is_12) {
		assert_true(r.end == KTLS_END_NONE && r.respond);
		assert_int_equal(ktls_stream_respond(&h.b, p->b), 0);
		assert_peer_reads(p, KTLS_ALERT, "\1\144", 2);
	} else {
		assert_true(r.end == KTLS_END_ERROR && r.owed);
		assert_int_equal(r.alert, KTLS_UNEXPECTED_MESSAGE);
	}
	close_homes(&h);
}

static void test_other_messages(void **state)
{
	(void)state;
	for_each_supported(check_other_messages);
}

int run_kernel_rekey_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk),
		cmocka_unit_test(test_key_changes),
		cmocka_unit_test(test_end_of_key),
		cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_other_messages),
	};

	return cmocka_run_group_tests_name("kernel_rekey_real", tests, NULL, NULL);
}
