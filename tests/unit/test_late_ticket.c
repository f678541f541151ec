/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tickets that come when the keys are gone: from OpenSSL's server through a stream, and back to OpenSSL. */
#include "client.h"
#include "line.h"

#include "ktls/late_ticket.h"
#include "ktls/session.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct identity id;

static int make_id(void **state)
{
	(void)state;
	id = make_identity("EC", "server", NULL);
	return 0;
}

static int free_id(void **state)
{
	(void)state;
	free_identity(&id);
	return 0;
}

/* A client whose keys are with a stream; the server goes on over memory and a pair of sockets. */
struct handed_over {
	struct client c;
	struct ktls_stream stream;
	struct ktls_session_keys keys;
	int ours, theirs;
};

static SSL_CTX *ours, *server;
static struct ktls_sessions *sessions;
static struct ktls_late *late;

static void begin(const char *suite, unsigned tickets, unsigned max, unsigned seconds)
{
	memset(&line_counts, 0, sizeof(line_counts));
	ours = our_client_context(TLS1_3_VERSION, suite, KTLS_VERIFY_NONE);
	server = peer_server_context(&id);
	assert_int_equal(SSL_CTX_set_num_tickets(server, tickets), 1);
	assert_int_equal(ktls_sessions_new(&sessions, 10), 0);
	assert_int_equal(ktls_sessions_use(ours, sessions), 0);
	assert_int_equal(ktls_late_new(&late, max, seconds), 0);
}

static void end(void)
{
	ktls_late_free(late);
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
	ktls_sessions_free(sessions);
	assert_int_equal(line_counts.held, 0);
}

/* Returns 1 when it resumed a session of the key. */
static int hand_over(struct handed_over *h, uint64_t number, const char *key)
{
	int fds[2], reused;

	client_open(&h->c, ours, server);
	assert_true(ktls_sessions_offer(ktls_handshake_ssl(h->c.ours), key) >= 0);
	client_establish(&h->c, &h->keys);
	reused = SSL_session_reused(ktls_handshake_ssl(h->c.ours));
	assert_int_equal(SSL_session_reused(h->c.server), reused);
	assert_int_equal(ktls_late_keep(late, number, h->c.ours, &h->keys), 0);
	ktls_handshake_free(h->c.ours);
	h->c.ours = NULL;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	h->ours = fds[0];
	h->theirs = fds[1];
	ktls_stream_init(&h->stream, KTLS_HOME_USER, &h->keys, 0);
	return reused;
}

static void close_all(struct handed_over *h)
{
	ktls_stream_wipe(&h->stream, &line_memory);
	close(h->ours);
	close(h->theirs);
	client_close(&h->c);
}

/* The server's bytes go to the socket. */
static void carry(struct handed_over *h)
{
	uint8_t wire[16384];
	size_t len = client_left_over(&h->c, wire, sizeof(wire));

	if (len)
		assert_int_equal(send(h->theirs, wire, len, 0), len);
}

/* Reads all there is, which must be that text. Returns the number of tickets that OpenSSL took. */
static int read_all(struct handed_over *h, uint64_t number, const char *text)
{
	struct ktls_read r;
	char buf[256];
	size_t have = 0;
	int taken = 0;

	carry(h);
	do {
		have += (size_t)ktls_stream_read(
			&h->stream, h->ours, buf + have, sizeof(buf) - have, &line_memory, &r);
		assert_int_equal(r.end, KTLS_END_NONE);
		assert_true(!r.ticket == !r.ticket_len);
		if (r.ticket)
			taken += ktls_late_take(late, number, r.ticket, r.ticket_len);
	} while (r.more || !r.drained);
	assert_int_equal(have, strlen(text));
	assert_memory_equal(buf, text, have);
	return taken;
}

static void check_suite(const char *suite, unsigned tickets)
{
	begin(suite, tickets, 10, 60);
	for (unsigned round = 0; round < 4; round++) {
		struct handed_over h;

		assert_int_equal(hand_over(&h, round, "there"), round > 0);
		assert_int_equal(ktls_late_count(late), round + 1);
		assert_int_equal(ktls_sessions_count(sessions), 0);
		/* With a resumption OpenSSL's server sends one. */
		assert_int_equal(read_all(&h, round, ""), round ? 1 : tickets);
		assert_int_equal(ktls_sessions_count(sessions), 1);
		assert_int_equal(SSL_write(h.c.server, "text", 4), 4);
		assert_int_equal(read_all(&h, round, "text"), 0);
		close_all(&h);
	}
	end();
}

static void test_every_suite(void **state)
{
	static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
		"TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256"};

	(void)state;
	for (unsigned i = 0; i < COUNT(suites); i++) {
		check_suite(suites[i], 1);
		check_suite(suites[i], 2);
		check_suite(suites[i], 3);
	}
}

/* However late: behind content, behind changes of both keys, each at another time. */
static void test_much_later(void **state)
{
	struct handed_over h;

	(void)state;
	begin(NULL, 0, 10, 60);
	assert_int_equal(hand_over(&h, 1, "there"), 0);
	assert_int_equal(read_all(&h, 1, ""), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(SSL_write(h.c.server, "text", 4), 4);
		assert_int_equal(SSL_key_update(h.c.server, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(h.c.server), 1);
		assert_int_equal(SSL_new_session_ticket(h.c.server), 1);
		assert_int_equal(SSL_do_handshake(h.c.server), 1);
		assert_int_equal(SSL_write(h.c.server, "more", 4), 4);
		assert_int_equal(read_all(&h, 1, "textmore"), 1);
	}
	assert_int_equal(ktls_late_count(late), 1);
	close_all(&h);
	assert_int_equal(hand_over(&h, 2, "there"), 1);
	close_all(&h);
	end();
}

/* One record may hold several; whatever stands in front of or behind them, and however much fits. */
static size_t plain_tickets(struct handed_over *h, uint8_t *out)
{
	uint8_t wire[16384], *p = wire;
	size_t len = client_left_over(&h->c, wire, sizeof(wire)), used = 0;
	struct ktls_key rx = h->keys.rx;

	while (p < wire + len) {
		size_t n = (size_t)ktls_record_length(p);
		struct ktls_plain plain;

		assert_int_equal(ktls_record_open(&rx, p, n, &plain), 0);
		memcpy(out + used, plain.data, plain.len);
		used += plain.len;
		p += n;
	}
	return used;
}

static void send_plain(struct handed_over *h, struct ktls_key *key, const uint8_t *p, size_t n)
{
	uint8_t record[KTLS_MAX_RECORD];
	ssize_t len = ktls_record_seal(key, KTLS_HANDSHAKE, p, n, record, sizeof(record));

	assert_true(len > 0);
	assert_int_equal(send(h->theirs, record, (size_t)len, 0), len);
}

static void test_in_one_record(void **state)
{
	struct handed_over h;
	uint8_t tickets[8192];
	struct ktls_key key;
	size_t len;

	(void)state;
	begin(NULL, 3, 10, 60);
	hand_over(&h, 1, "there");
	len = plain_tickets(&h, tickets);
	memcpy(tickets + len, "\30\0\0\1\0", 5); /* a KeyUpdate behind them is not handed out */
	key = h.keys.rx;
	send_plain(&h, &key, tickets, len + 5);
	assert_int_equal(read_all(&h, 1, ""), 3);
	close_all(&h);
	assert_int_equal(hand_over(&h, 2, "there"), 1);
	close_all(&h);
	end();
}

/* Split over records they are followed but not handed out; the next whole one is. */
static void test_split(void **state)
{
	struct handed_over h;
	uint8_t tickets[8192];
	struct ktls_key key;
	size_t len, first;

	(void)state;
	begin(NULL, 2, 10, 60);
	hand_over(&h, 1, "there");
	len = plain_tickets(&h, tickets);
	first = 4 + ((size_t)tickets[1] << 16 | (size_t)tickets[2] << 8 | tickets[3]);
	key = h.keys.rx;
	send_plain(&h, &key, tickets, 100);
	assert_int_equal(read_all(&h, 1, ""), 0);
	send_plain(&h, &key, tickets + 100, len - 100); /* its rest, and the second */
	assert_true(first > 100 && len > first);
	assert_int_equal(read_all(&h, 1, ""), 1);
	close_all(&h);
	assert_int_equal(hand_over(&h, 2, "there"), 1);
	close_all(&h);
	end();
}

/* One read hands out so many bytes and no more; the connection goes on. */
static void test_too_long(void **state)
{
	static uint8_t big[2 * KTLS_TICKETS_MAX];
	struct handed_over h;
	uint8_t tickets[8192];
	struct ktls_key key;
	struct ktls_read r;
	size_t len;
	char buf[64];

	(void)state;
	begin(NULL, 1, 10, 60);
	hand_over(&h, 1, "there");
	len = plain_tickets(&h, tickets);
	key = h.keys.rx;
	big[0] = 4;
	big[2] = (KTLS_TICKETS_MAX - 3) >> 8;
	big[3] = (KTLS_TICKETS_MAX - 3) & 0xff;
	send_plain(&h, &key, big, KTLS_TICKETS_MAX + 1);
	assert_int_equal(ktls_stream_read(&h.stream, h.ours, buf, sizeof(buf), &line_memory, &r), 0);
	assert_true(r.end == KTLS_END_NONE && !r.ticket_len);
	big[3]--;
	send_plain(&h, &key, big, KTLS_TICKETS_MAX);
	assert_int_equal(ktls_stream_read(&h.stream, h.ours, buf, sizeof(buf), &line_memory, &r), 0);
	assert_int_equal(r.ticket_len, KTLS_TICKETS_MAX);
	/* In front of it there is room for one that is real. */
	send_plain(&h, &key, tickets, len);
	send_plain(&h, &key, big, KTLS_TICKETS_MAX);
	assert_int_equal(ktls_stream_read(&h.stream, h.ours, buf, sizeof(buf), &line_memory, &r), 0);
	assert_int_equal(r.ticket_len, len);
	assert_int_equal(ktls_late_take(late, 1, r.ticket, r.ticket_len), 1);
	close_all(&h);
	end();
}

/* Bytes that are no tickets end the wait for some, and nothing else. */
static void test_refused(void **state)
{
	static const struct {
		const char *hex;
		int rc;
	} wrong[] = {
		{"04", -EINVAL},
		{"04000001", -EINVAL},
		{"0500000100", -EINVAL},
		{"1800000100", -EINVAL},
		{"0400000100", -EPROTO}, /* a ticket in its form, and not in its contents */
		{"040000000400000000", -EPROTO},
	};
	uint8_t bytes[KTLS_TICKETS_MAX + 1] = {
		4, 0, (KTLS_TICKETS_MAX - 3) >> 8, (KTLS_TICKETS_MAX - 3) & 0xff};

	(void)state;
	begin(NULL, 1, 10, 60);
	for (unsigned i = 0; i <= COUNT(wrong) + 1; i++) {
		struct handed_over h;
		size_t len = sizeof(bytes);
		int rc = -EINVAL;

		if (i < COUNT(wrong)) {
			len = unhex(wrong[i].hex, bytes, sizeof(bytes));
			rc = wrong[i].rc;
		} else if (i == COUNT(wrong)) {
			len = 0;
		} else {
			fill(bytes, sizeof(bytes), 1);
			memcpy(bytes, "\4\0\x0f\xfd", 4);
		}
		hand_over(&h, i, "there");
		assert_int_equal(ktls_late_take(late, i, bytes, len), rc);
		assert_int_equal(ktls_late_count(late), 0);
		assert_int_equal(ktls_late_take(late, i, bytes, len), -ENOENT);
		close_all(&h);
	}
	assert_int_equal(ktls_sessions_count(sessions), 0);
	end();
}

static void test_limits(void **state)
{
	struct handed_over h[4];
	struct ktls_session_keys tls12 = {.role = KTLS_CLIENT, .rx.version = TLS1_2_VERSION};
	struct ktls_session_keys as_server = {.role = KTLS_SERVER, .rx.version = TLS1_3_VERSION};

	(void)state;
	begin(NULL, 5, 3, 60);
	for (unsigned i = 0; i < 4; i++)
		hand_over(&h[i], i, "there");
	assert_int_equal(ktls_late_count(late), 3);
	assert_int_equal(ktls_late_take(late, 0, (const uint8_t *)"", 0), -ENOENT); /* the oldest */
	assert_int_equal(ktls_late_keep(late, 9, NULL, &tls12), -EINVAL);
	assert_int_equal(ktls_late_keep(late, 9, NULL, &as_server), -EINVAL);
	/* Five of one connection: that is one more than is waited for. */
	assert_int_equal(read_all(&h[1], 1, ""), KTLS_LATE_TICKETS_EACH);
	assert_int_equal(ktls_late_count(late), 2);
	for (unsigned i = 0; i < 4; i++)
		close_all(&h[i]);
	end();
}

static void test_time(void **state)
{
	struct handed_over h;

	(void)state;
	begin(NULL, 1, 3, 0); /* over at once */
	hand_over(&h, 1, "there");
	assert_int_equal(ktls_late_count(late), 1);
	ktls_late_expire(late);
	assert_int_equal(ktls_late_count(late), 0);
	close_all(&h);
	hand_over(&h, 2, "there");
	assert_int_equal(ktls_late_take(late, 2, (const uint8_t *)"\4", 1), -ENOENT);
	close_all(&h);
	end();
	begin(NULL, 1, 3, 60);
	hand_over(&h, 1, "there");
	ktls_late_expire(late);
	assert_int_equal(ktls_late_count(late), 1);
	close_all(&h);
	end();
	ktls_late_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_suite),
		cmocka_unit_test(test_much_later),
		cmocka_unit_test(test_in_one_record),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests_name("late_ticket", tests, make_id, free_id);
}
