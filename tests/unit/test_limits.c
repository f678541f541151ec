/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one key may protect, what a peer may make a stream do, and what becomes of a debt that the socket does
 * not take.
 */
#include "line.h"

#include "ktls/sys.h"

#include <errno.h>
#include <string.h>

static uint64_t soft_limit(const struct line *l)
{
	static const uint64_t limits[KTLS_AEADS] = {
		KTLS_GCM_SOFT_LIMIT, KTLS_GCM_SOFT_LIMIT, UINT64_MAX / 2, KTLS_CCM_SOFT_LIMIT};

	return limits[l->stream.tx.aead];
}

static void set_seq(struct line *l, uint64_t seq)
{
	l->stream.tx.seq = l->peer_rx.seq = seq;
}

/* Our own key is changed in time, and the peer follows. */
static void check_soft_limit(struct line *l)
{
	set_seq(l, soft_limit(l) - 1);
	line_say(l, "last", 4);
	line_hear(l, KTLS_APPLICATION_DATA, "last", 4);
	line_say(l, "first", 5);
	line_hear_key_update(l);
	line_hear(l, KTLS_APPLICATION_DATA, "first", 5);
	assert_true(l->stream.tx.seq == 1 && !l->stream.owes);
	line_say(l, "second", 6);
	line_hear(l, KTLS_APPLICATION_DATA, "second", 6);
}

static void test_soft_limit(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_3_VERSION, check_soft_limit);
}

/* TLS 1.2 has no way on: nothing is sent past the limit but the goodbye. */
static void check_hard_limit(struct line *l)
{
	uint64_t limit = 2 * soft_limit(l);
	uint8_t wire[100];
	size_t taken;

	set_seq(l, soft_limit(l));
	line_say(l, "text", 4);
	line_hear(l, KTLS_APPLICATION_DATA, "text", 4);
	set_seq(l, limit - 1);
	line_say(l, "last", 4);
	line_hear(l, KTLS_APPLICATION_DATA, "last", 4);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			ktls_stream_seal(&l->stream, "text", 4, wire, sizeof(wire), &taken), -EOVERFLOW);
		assert_int_equal(taken, 0);
	}
	assert_int_equal(ktls_stream_send_alert(&l->stream, l->ours, KTLS_CLOSE_NOTIFY), 0);
	line_hear(l, KTLS_ALERT, "\1\0", 2);
}

static void test_hard_limit(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_2_VERSION, check_hard_limit);
}

/* A key that could not be changed in time ends the stream in TLS 1.3, too. */
static void check_hard_limit_13(struct line *l)
{
	uint8_t wire[100];
	size_t taken;

	set_seq(l, 2 * soft_limit(l));
	assert_int_equal(ktls_stream_seal(&l->stream, "text", 4, wire, sizeof(wire), &taken), -EOVERFLOW);
	assert_int_equal(taken, 0);
}

static void test_hard_limit_13(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_3_VERSION, check_hard_limit_13);
}

/* Each record without content of each kind; `more` has the kind of the last. */
static void send_idle(struct line *l, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		switch (i % (l->stream.version == TLS1_3_VERSION ? 3 : 2)) {
		case 0:
			line_send_record(l, KTLS_APPLICATION_DATA, "", 0);
			break;
		case 1:
			line_send_record(l, KTLS_ALERT, "\1\132", 2); /* user_canceled */
			break;
		default:
			line_update(l, 0);
		}
}

static void check_idle_records(struct line *l)
{
	struct ktls_read r;

	for (int round = 0; round < 2; round++) { /* content resets the count */
		send_idle(l, KTLS_IDLE_RECORDS_MAX);
		line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
		line_expect(l, "text", &r);
		assert_int_equal(r.end, KTLS_END_NONE);
	}
	send_idle(l, KTLS_IDLE_RECORDS_MAX);
	line_expect(l, "", &r);
	assert_int_equal(r.end, KTLS_END_NONE);
	line_send_record(l, KTLS_APPLICATION_DATA, "", 0);
	line_send_record(l, KTLS_APPLICATION_DATA, "late", 4);
	line_expect(l, "", &r);
	assert_true(r.end == KTLS_END_ERROR && r.error == -EDQUOT && r.owed);
	assert_int_equal(r.alert, KTLS_UNEXPECTED_MESSAGE);
	assert_null(l->stream.stash);
}

static void test_idle_records(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_2_VERSION, check_idle_records);
	line_for_each_aead(TLS1_3_VERSION, check_idle_records);
}

static void update_and_talk(struct line *l, struct ktls_read *r, const char *text)
{
	line_update(l, 0);
	line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
	line_expect(l, text, r);
}

/* With content between them, so that they are no idle records. */
static void check_key_update_storm(struct line *l)
{
	struct ktls_read r;

	update_and_talk(l, &r, "text"); /* begins a period */
	for (unsigned i = 1; i < KTLS_KEY_UPDATES_MAX; i++) {
		update_and_talk(l, &r, "text");
		assert_int_equal(r.end, KTLS_END_NONE);
	}
	l->stream.bounds.update_period -= KTLS_KEY_UPDATE_PERIOD; /* as if that time had passed */
	for (unsigned i = 0; i < KTLS_KEY_UPDATES_MAX; i++) {
		update_and_talk(l, &r, "text");
		assert_int_equal(r.end, KTLS_END_NONE);
	}
	/* The next is one too many, unless a minute passed meanwhile. */
	l->stream.bounds.update_period += KTLS_KEY_UPDATE_PERIOD;
	update_and_talk(l, &r, "");
	assert_true(r.end == KTLS_END_ERROR && r.error == -EDQUOT && r.owed);
	assert_int_equal(r.alert, KTLS_UNEXPECTED_MESSAGE);
}

static void test_key_update_storm(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_3_VERSION, check_key_update_storm);
}

static struct {
	ssize_t takes; /* bytes, or a negative errno */
	uint8_t bytes[128];
	size_t len;
	int fd;
} wire;

static ssize_t scripted_send(int fd, const void *buf, size_t len, int flags)
{
	assert_int_equal(fd, wire.fd);
	assert_int_equal(flags, MSG_DONTWAIT | MSG_NOSIGNAL);
	assert_true(len <= sizeof(wire.bytes));
	memcpy(wire.bytes, buf, len);
	wire.len = len;
	errno = (int)-wire.takes;
	return wire.takes < 0 ? -1 : wire.takes < (ssize_t)len ? wire.takes : (ssize_t)len;
}

static int respond(struct line *l, ssize_t takes)
{
	int rc;

	memset(&wire, 0, sizeof(wire));
	wire.takes = takes;
	wire.fd = l->ours;
	ktls_sys.send = scripted_send;
	rc = ktls_stream_respond(&l->stream, l->ours);
	ktls_sys.send = send;
	return rc;
}

static void make_debt(struct line *l)
{
	struct ktls_read r;

	if (l->stream.version == TLS1_3_VERSION)
		line_update(l, 1);
	else
		line_send_record(l, KTLS_HANDSHAKE, "\1\0\0\0", 4);
	line_expect(l, "", &r);
	assert_true(r.respond);
}

/* Nothing went out: it is still owed, and the same bytes come again, so that no nonce protects two texts. */
static void check_busy_socket(struct line *l)
{
	static const ssize_t busy[] = {-EAGAIN, -EINTR, -EAGAIN};
	struct ktls_stream before;
	uint8_t first[128];

	make_debt(l);
	before = l->stream;
	for (unsigned i = 0; i < COUNT(busy); i++) {
		assert_int_equal(respond(l, busy[i]), -EAGAIN);
		assert_memory_equal(&l->stream, &before, sizeof(before));
		assert_true(wire.len > 0 && (!i || !memcmp(first, wire.bytes, sizeof(first))));
		memcpy(first, wire.bytes, sizeof(first));
	}
	assert_int_equal(respond(l, sizeof(first)), 0);
	assert_memory_equal(first, wire.bytes, sizeof(first));
	assert_int_equal(l->stream.owes, 0);
	assert_int_equal(send(l->ours, wire.bytes, wire.len, 0), wire.len);
	if (l->stream.version == TLS1_3_VERSION)
		line_hear_key_update(l);
	else
		line_hear(l, KTLS_ALERT, "\1\144", 2);
	line_say(l, "text", 4);
	line_hear(l, KTLS_APPLICATION_DATA, "text", 4);
}

static void test_busy_socket(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_2_VERSION, check_busy_socket);
	line_for_each_aead(TLS1_3_VERSION, check_busy_socket);
}

/* What seal() puts in front of content after a respond() in vain is what that would have sent. */
static void check_seal_after_busy(struct line *l)
{
	make_debt(l);
	assert_int_equal(respond(l, -EAGAIN), -EAGAIN);
	line_say(l, "text", 4);
	if (l->stream.version == TLS1_3_VERSION)
		line_hear_key_update(l);
	else
		line_hear(l, KTLS_ALERT, "\1\144", 2);
	line_hear(l, KTLS_APPLICATION_DATA, "text", 4);
	assert_int_equal(respond(l, 100), 0);
	assert_int_equal(wire.len, 0);
}

static void test_seal_after_busy(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_2_VERSION, check_seal_after_busy);
	line_for_each_aead(TLS1_3_VERSION, check_seal_after_busy);
}

/* A part of a record cannot be taken back: the stream is broken, and says so with one errno. */
static void check_broken_socket(struct line *l)
{
	static const struct {
		ssize_t takes;
		int rc;
	} cases[] = {{1, -EPIPE}, {20, -EPIPE}, {0, -EPIPE}, {-EPIPE, -EPIPE}, {-ECONNRESET, -ECONNRESET}};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		make_debt(l);
		assert_int_equal(respond(l, cases[i].takes), cases[i].rc);
	}
}

static void test_broken_socket(void **state)
{
	(void)state;
	line_for_each_aead(TLS1_2_VERSION, check_broken_socket);
	line_for_each_aead(TLS1_3_VERSION, check_broken_socket);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_soft_limit),
		cmocka_unit_test(test_hard_limit),
		cmocka_unit_test(test_hard_limit_13),
		cmocka_unit_test(test_idle_records),
		cmocka_unit_test(test_key_update_storm),
		cmocka_unit_test(test_busy_socket),
		cmocka_unit_test(test_seal_after_busy),
		cmocka_unit_test(test_broken_socket),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
