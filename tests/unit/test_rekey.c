/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams in user space whose peer changes its key, asks for a new handshake or sends tickets. */
#include "line.h"

#include "ktls/sys.h"

#include <errno.h>
#include <string.h>

/* The peer's generations follow each other, with content between them or not, and nothing is answered. */
static void check_update(struct line *l)
{
	struct ktls_key first = l->stream.rx, tx = l->stream.tx;
	struct ktls_read r;

	line_send_record(l, KTLS_APPLICATION_DATA, "old ", 4);
	line_update(l, 0);
	line_send_record(l, KTLS_APPLICATION_DATA, "new ", 4);
	line_update(l, 0);
	line_update(l, 0);
	line_send_record(l, KTLS_APPLICATION_DATA, "newer", 5);
	line_expect(l, "old new newer", &r);
	assert_true(r.end == KTLS_END_NONE && !r.respond && !l->stream.owes);
	assert_memory_equal(&l->stream.rx, &l->peer_tx, sizeof(l->peer_tx));
	assert_memory_not_equal(l->stream.rx.key, first.key, 16);
	assert_memory_equal(&l->stream.tx, &tx, sizeof(tx));
	line_say(l, "same", 4);
	line_hear(l, KTLS_APPLICATION_DATA, "same", 4);
}

static void test_update(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_3_VERSION, check_update);
}

/* Who goes on with the old key after a KeyUpdate is not understood any more. */
static void check_old_key(struct line *l)
{
	struct ktls_key old = l->peer_tx;
	struct ktls_read r;
	char buf[8];

	line_update(l, 0);
	l->peer_tx = old;
	l->peer_tx.seq++;
	line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
	assert_int_equal(line_read(l, buf, sizeof(buf), &r), 0);
	assert_true(r.end == KTLS_END_ERROR && r.error == -EBADMSG && r.alert == KTLS_BAD_RECORD_MAC);
}

static void test_old_key(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_3_VERSION, check_old_key);
}

/* RFC 8446 4.6.3: an answer before the next content, one for any number of requests. */
static void check_answer_by_seal(struct line *l)
{
	struct ktls_read r;

	for (unsigned requests = 1; requests < 4; requests++) {
		for (unsigned i = 0; i < requests; i++)
			line_update(l, 1);
		line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
		line_expect(l, "text", &r);
		assert_true(r.end == KTLS_END_NONE && r.respond);
		line_hear_nothing(l);
		line_say(l, "answer", 6);
		line_hear_key_update(l);
		line_hear(l, KTLS_APPLICATION_DATA, "answer", 6);
		assert_int_equal(l->stream.owes, 0);
		line_say(l, "more", 4);
		line_hear(l, KTLS_APPLICATION_DATA, "more", 4);
		assert_memory_equal(&l->stream.tx, &l->peer_rx, sizeof(l->peer_rx));
	}
}

static void test_answer_by_seal(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_3_VERSION, check_answer_by_seal);
}

static void check_answer_by_respond(struct line *l)
{
	struct ktls_read r;

	assert_int_equal(ktls_stream_respond(&l->stream, l->ours), 0); /* nothing is owed */
	line_hear_nothing(l);
	line_update(l, 1);
	line_update(l, 1);
	line_expect(l, "", &r);
	assert_true(r.respond);
	assert_int_equal(ktls_stream_respond(&l->stream, l->ours), 0);
	line_hear_key_update(l);
	assert_int_equal(ktls_stream_respond(&l->stream, l->ours), 0);
	line_hear_nothing(l);
	line_expect(l, "", &r);
	assert_false(r.respond);
	line_say(l, "text", 4);
	line_hear(l, KTLS_APPLICATION_DATA, "text", 4);
}

static void test_answer_by_respond(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_3_VERSION, check_answer_by_respond);
}

/* Room for some content but not for what is owed: the answer waits for the next call with room for it. */
static void check_little_room(struct line *l)
{
	uint8_t wire[256];
	struct ktls_read r;
	size_t taken;

	line_update(l, 1);
	line_expect(l, "", &r);
	l->stream.owes |=
		KTLS_OWES_NO_RENEGOTIATION; /* the most that can be owed, though by no one version */
	for (size_t cap = 0; cap < sizeof(wire) && l->stream.owes; cap++) {
		ssize_t n;

		wire[cap] = 0x5a;
		n = ktls_stream_seal(&l->stream, "abcd", 4, wire, cap, &taken);
		assert_true(n >= 0 && (size_t)n <= cap);
		assert_int_equal(wire[cap], 0x5a);
		if (n)
			assert_int_equal(send(l->ours, wire, (size_t)n, 0), n);
		if (!l->stream.owes) {
			line_hear_key_update(l);
			line_hear(l, KTLS_ALERT, "\1\144", 2);
		}
		if (taken)
			line_hear(l, KTLS_APPLICATION_DATA, "abcd", taken);
	}
	assert_int_equal(l->stream.owes, 0);
}

static void test_little_room(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_3_VERSION, check_little_room);
}

/* Pieces of a message in records of their own; nothing of another type may come between them. */
static void check_fragments(struct line *l)
{
	static const uint8_t message[5] = {24, 0, 0, 1, 1};
	struct ktls_read r;

	for (size_t cut = 1; cut < sizeof(message); cut++) {
		line_send_record(l, KTLS_HANDSHAKE, message, cut);
		line_expect(l, "", &r);
		assert_true(r.end == KTLS_END_NONE && !r.respond);
		line_send_record(l, KTLS_HANDSHAKE, message + cut, sizeof(message) - cut);
		assert_int_equal(ktls_key_update(&l->peer_tx, &l->peer_tx_secret), 0);
		line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
		line_expect(l, "text", &r);
		assert_true(r.end == KTLS_END_NONE && r.respond);
		line_say(l, "text", 4);
		line_hear_key_update(l);
		line_hear(l, KTLS_APPLICATION_DATA, "text", 4);
	}
}

static void test_fragments(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_3_VERSION, check_fragments);
}

static void check_interrupted(struct line *l)
{
	static const struct {
		enum ktls_content_type type;
		const char *bytes;
		size_t len;
	} between[] = {{KTLS_APPLICATION_DATA, "text", 4}, {KTLS_APPLICATION_DATA, "", 0},
		{KTLS_ALERT, "\1\0", 2}, {KTLS_ALERT, "\1\132", 2}, {KTLS_CHANGE_CIPHER_SPEC, "\1", 1}};
	uint8_t hello[4] = {l->stream.version == TLS1_3_VERSION ? 24 : 1, 0, 0, 1};
	struct ktls_read r;

	for (unsigned i = 0; i < COUNT(between); i++)
		for (size_t cut = 1; cut <= sizeof(hello); cut++) {
			l->stream.post = (struct ktls_post){0}; /* a new stream each time */
			line_send_record(l, KTLS_HANDSHAKE, hello, cut);
			line_send_record(l, between[i].type, between[i].bytes, between[i].len);
			line_expect(l, "", &r);
			assert_true(r.end == KTLS_END_ERROR && r.error == -EPROTO && r.owed);
			assert_int_equal(r.alert, KTLS_UNEXPECTED_MESSAGE);
			assert_null(l->stream.stash);
		}
}

static void test_interrupted(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_2_VERSION, check_interrupted);
	line_for_each_aead(TLS1_3_VERSION, check_interrupted);
}

static void check_wrong_messages(struct line *l)
{
	static const struct {
		const char *bytes;
		size_t len;
		uint8_t alert;
	} wrong[] = {{"\30\0\0\1\2", 5, KTLS_ILLEGAL_PARAMETER}, {"\30\0\0\0", 4, KTLS_DECODE_ERROR},
		{"\30\0\0\1\0\30", 6, KTLS_UNEXPECTED_MESSAGE}, {"", 0, KTLS_UNEXPECTED_MESSAGE},
		{"\4\0\0\1\0", 5, KTLS_UNEXPECTED_MESSAGE} /* a ticket from a client */};
	struct ktls_read r;

	for (unsigned i = 0; i < COUNT(wrong); i++) {
		l->stream.post = (struct ktls_post){0};
		line_send_record(l, KTLS_HANDSHAKE, wrong[i].bytes, wrong[i].len);
		line_expect(l, "", &r);
		assert_true(r.end == KTLS_END_ERROR && r.error == -EPROTO && r.owed && !r.respond);
		assert_int_equal(r.alert, wrong[i].alert);
	}
}

static void test_wrong_messages(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_3_VERSION, check_wrong_messages);
}

/* A TLS 1.2 peer that wants to shake hands again is told no, and may go on. */
static void check_renegotiation(struct line *l)
{
	static uint8_t hello[504] = {1, 0, 1, 244};
	struct ktls_read r;
	int is_server = l->stream.role == KTLS_SERVER;

	for (int by_seal = 0; by_seal < 2; by_seal++) {
		line_send_record(l, KTLS_HANDSHAKE, is_server ? hello : (const uint8_t *)"\0\0\0",
			is_server ? 200 : 4);
		if (is_server)
			line_send_record(l, KTLS_HANDSHAKE, hello + 200, sizeof(hello) - 200);
		line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
		line_expect(l, "text", &r);
		assert_true(r.end == KTLS_END_NONE && r.respond);
		if (!by_seal)
			assert_int_equal(ktls_stream_respond(&l->stream, l->ours), 0);
		line_say(l, "answer", 6);
		line_hear(l, KTLS_ALERT, "\1\144", 2);
		line_hear(l, KTLS_APPLICATION_DATA, "answer", 6);
		line_expect(l, "", &r);
		assert_false(r.respond);
	}
}

static void check_renegotiation_as_client(struct line *l)
{
	l->stream.role = KTLS_CLIENT;
	check_renegotiation(l);
}

static void test_renegotiation(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_2_VERSION, check_renegotiation);
	line_for_each_aead(TLS1_2_VERSION, check_renegotiation_as_client);
}

static void check_tickets(struct line *l)
{
	static uint8_t ticket[1004] = {4, 0, 3, 232};
	struct ktls_read r;

	l->stream.role = KTLS_CLIENT;
	for (unsigned i = 0; i < 10; i++) {
		line_send_record(l, KTLS_HANDSHAKE, ticket, 100 * i + 1);
		line_send_record(l, KTLS_HANDSHAKE, ticket + 100 * i + 1, sizeof(ticket) - 100 * i - 1);
	}
	line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
	line_expect(l, "text", &r);
	assert_true(r.end == KTLS_END_NONE && !r.respond);
}

static void test_tickets(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_3_VERSION, check_tickets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_old_key),
		cmocka_unit_test(test_answer_by_seal),
		cmocka_unit_test(test_answer_by_respond),
		cmocka_unit_test(test_little_room),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_wrong_messages),
		cmocka_unit_test(test_renegotiation),
		cmocka_unit_test(test_tickets),
	};

	return cmocka_run_group_tests_name("rekey", tests, NULL, NULL);
}
