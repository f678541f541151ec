/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sending side of streams in user space, and alerts. */
#include "line.h"

#include "ktls/sys.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Opens all records at wire as the peer. Returns the content's length; every record is application data. */
static size_t peer_open(struct line *l, uint8_t *wire, size_t len, uint8_t *out)
{
	size_t have = 0;

	for (size_t off = 0; off < len;) {
		ssize_t n = ktls_record_length(wire + off);
		struct ktls_plain plain;

		assert_true(n > 0 && (size_t)n <= len - off);
		assert_int_equal(ktls_record_open(&l->peer_rx, wire + off, (size_t)n, &plain), 0);
		assert_int_equal(plain.type, KTLS_APPLICATION_DATA);
		memcpy(out + have, plain.data, plain.len);
		have += plain.len;
		off += (size_t)n;
	}
	return have;
}

static void check_seal(struct line *l)
{
	static uint8_t said[100000], wire[110000], heard[sizeof(said)];
	size_t taken, lengths[] = {0, 1, 16384, 16385, 32768, 70000, sizeof(said)};

	fill(said, sizeof(said), 1);
	for (unsigned i = 0; i < COUNT(lengths); i++) {
		ssize_t n = ktls_stream_seal(&l->stream, said, lengths[i], wire, sizeof(wire), &taken);

		assert_true(n >= 0);
		assert_int_equal(taken, lengths[i]);
		/* Not more records than needed. */
		assert_true((size_t)n <= lengths[i] + (lengths[i] + KTLS_MAX_PLAIN - 1) / KTLS_MAX_PLAIN *
							      KTLS_MAX_EXPANSION);
		assert_int_equal(peer_open(l, wire, (size_t)n, heard), lengths[i]);
		assert_memory_equal(heard, said, lengths[i]);
	}
	assert_true(l->stream.tx.seq == l->peer_rx.seq);
}

static void test_seal(void **state)
{
	(void)state;
	line_for_each_kind(check_seal);
}

/* Little room: as much as fits is taken, the room is never overrun, and all arrives in the end. */
static void check_seal_into(struct line *l, size_t cap)
{
	static uint8_t said[40000], wire[50001], heard[sizeof(said)];
	size_t off = 0;

	fill(said, sizeof(said), (unsigned)cap);
	while (off < sizeof(said) && off < 200 * cap) {
		size_t taken;
		ssize_t n;

		wire[cap] = 0x5a;
		n = ktls_stream_seal(&l->stream, said + off, sizeof(said) - off, wire, cap, &taken);
		assert_true(n > 0 && (size_t)n <= cap);
		assert_int_equal(wire[cap], 0x5a);
		assert_true(taken > 0 && taken <= sizeof(said) - off);
		assert_int_equal(peer_open(l, wire, (size_t)n, heard), taken);
		assert_memory_equal(heard, said + off, taken);
		off += taken;
	}
}

static void check_small_rooms(struct line *l)
{
	static const size_t caps[] = {30, 31, 100, 1000, 16384, 16384 + 29, 16384 + 30, 16384 + 60, 50000};
	uint8_t wire[KTLS_MAX_EXPANSION + 1];
	uint64_t seq = l->stream.tx.seq;

	for (size_t cap = 0; cap <= KTLS_MAX_EXPANSION; cap++) {
		size_t taken = 99;

		assert_int_equal(ktls_stream_seal(&l->stream, "text", 4, wire, cap, &taken), 0);
		assert_int_equal(taken, 0);
	}
	assert_true(l->stream.tx.seq == seq);
	for (unsigned i = 0; i < COUNT(caps); i++)
		check_seal_into(l, caps[i]);
}

static void test_small_rooms(void **state)
{
	(void)state;
	line_for_each_kind(check_small_rooms);
}

static void check_used_up(struct line *l)
{
	uint8_t wire[100];
	size_t taken;

	l->stream.tx.seq = UINT64_MAX;
	assert_int_equal(ktls_stream_seal(&l->stream, "text", 4, wire, sizeof(wire), &taken), -EOVERFLOW);
	assert_int_equal(taken, 0);
	assert_int_equal(ktls_stream_send_alert(&l->stream, l->ours, KTLS_CLOSE_NOTIFY), -EOVERFLOW);
}

static void test_used_up(void **state)
{
	(void)state;
	line_for_each_kind(check_used_up);
}

/* Reading and writing have nothing in common: each may belong to another process. */
static void check_directions_are_apart(struct line *l)
{
	struct ktls_stream before = l->stream;
	uint8_t wire[100];
	size_t taken;
	struct ktls_read r;
	char buf[4];

	assert_true(ktls_stream_seal(&l->stream, "text", 4, wire, sizeof(wire), &taken) > 0);
	assert_memory_equal(&l->stream.rx, &before.rx, sizeof(before.rx));
	before = l->stream;
	line_send_record(l, KTLS_APPLICATION_DATA, "texttext", 8);
	assert_int_equal(line_read(l, buf, sizeof(buf), &r), 4);
	assert_memory_equal(&l->stream.tx, &before.tx, sizeof(before.tx));
}

static void test_directions_are_apart(void **state)
{
	(void)state;
	line_for_each_kind(check_directions_are_apart);
}

static void check_send_alert(struct line *l)
{
	uint8_t record[100];
	struct ktls_plain plain;
	ssize_t n;

	assert_int_equal(ktls_stream_send_alert(&l->stream, l->ours, KTLS_BAD_RECORD_MAC), 0);
	n = recv(l->theirs, record, sizeof(record), MSG_DONTWAIT);
	assert_true(n > 0);
	assert_int_equal(ktls_record_length(record), n);
	assert_int_equal(ktls_record_open(&l->peer_rx, record, (size_t)n, &plain), 0);
	assert_int_equal(plain.type, KTLS_ALERT);
	assert_hex(plain.data, plain.len, "0214");
}

static void test_send_alert(void **state)
{
	(void)state;
	line_for_each_kind(check_send_alert);
}

static ssize_t send_takes; /* bytes, or a negative errno */

static ssize_t stingy_send(int fd, const void *buf, size_t len, int flags)
{
	(void)fd;
	(void)buf;
	assert_int_equal(flags, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (send_takes < 0) {
		errno = (int)-send_takes;
		return -1;
	}
	return (size_t)send_takes < len ? send_takes : (ssize_t)len;
}

static void check_alert_not_taken(struct line *l)
{
	static const struct {
		ssize_t takes;
		int rc;
	} cases[] = {{1, -EAGAIN}, {20, -EAGAIN}, {-EAGAIN, -EAGAIN}, {-EPIPE, -EPIPE},
		{-ECONNRESET, -ECONNRESET}, {1000, 0}};

	ktls_sys.send = stingy_send;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		send_takes = cases[i].takes;
		assert_int_equal(ktls_stream_send_alert(&l->stream, l->ours, KTLS_CLOSE_NOTIFY), cases[i].rc);
	}
	ktls_sys.send = send;
}

static void test_alert_not_taken(void **state)
{
	(void)state;
	line_for_each_kind(check_alert_not_taken);
}

/* The peer is gone: an error, no signal. */
static void check_alert_to_nobody(struct line *l)
{
	line_hang_up(l);
	assert_int_equal(ktls_stream_send_alert(&l->stream, l->ours, KTLS_CLOSE_NOTIFY), -EPIPE);
}

static void test_alert_to_nobody(void **state)
{
	(void)state;
	line_for_each_kind(check_alert_to_nobody);
}

static void test_alert_names(void **state)
{
	(void)state;
	assert_string_equal(ktls_alert_name(0), "close_notify");
	assert_string_equal(ktls_alert_name(20), "bad_record_mac");
	assert_string_equal(ktls_alert_name(116), "certificate_required");
	assert_string_equal(ktls_alert_name(200), "unknown alert");
	for (int i = 0; i < 256; i++)
		assert_true(*ktls_alert_name((uint8_t)i));
}

static void test_alert_for_error(void **state)
{
	(void)state;
	assert_int_equal(ktls_alert_for_error(-EBADMSG), KTLS_BAD_RECORD_MAC);
	assert_int_equal(ktls_alert_for_error(-EMSGSIZE), KTLS_RECORD_OVERFLOW);
	assert_int_equal(ktls_alert_for_error(-EPROTO), KTLS_UNEXPECTED_MESSAGE);
	assert_int_equal(ktls_alert_for_error(-EINVAL), KTLS_UNEXPECTED_MESSAGE);
	assert_int_equal(ktls_alert_for_error(-ENOMEM), KTLS_INTERNAL_ERROR);
	assert_int_equal(ktls_alert_for_error(-EIO), KTLS_INTERNAL_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_small_rooms),
		cmocka_unit_test(test_used_up),
		cmocka_unit_test(test_directions_are_apart),
		cmocka_unit_test(test_send_alert),
		cmocka_unit_test(test_alert_not_taken),
		cmocka_unit_test(test_alert_to_nobody),
		cmocka_unit_test(test_alert_names),
		cmocka_unit_test(test_alert_for_error),
	};

	return cmocka_run_group_tests_name("stream_send", tests, NULL, NULL);
}
