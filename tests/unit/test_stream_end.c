/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How streams in user space end: properly, by alert, cut off, by an attacker, by the system. */
#include "line.h"

#include "ktls/sys.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const uint16_t versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* "text" in a record, then one of the given type: what do readers of much and of little see? */
static void text_then(
	struct line *l, enum ktls_content_type type, const void *p, size_t n, struct ktls_read *r)
{
	uint8_t wire[512], buf[32];
	size_t len = 0, room = l->stream.rx.aead == KTLS_AES_128_GCM ? sizeof(buf) : 4;

	line_seal(l, KTLS_APPLICATION_DATA, "text", 4, wire, &len);
	line_seal(l, type, p, n, wire, &len);
	line_send(l, wire, len);
	assert_int_equal(line_read_all(l, buf, sizeof(buf), room, r), 4);
	assert_memory_equal(buf, "text", 4);
}

static void check_close_notify(struct line *l)
{
	struct ktls_read r;

	text_then(l, KTLS_ALERT, "\1\0", 2, &r);
	assert_int_equal(r.end, KTLS_END_CLOSE_NOTIFY);
	assert_true(!r.owed && !r.error);
}

static void test_close_notify(void **state)
{
	(void)state;
	line_for_each_kind(check_close_notify);
}

/* The level means nothing for it: some peers call it fatal. What follows is not looked at (RFC 8446 6.1). */
static void check_nothing_after_close_notify(struct line *l)
{
	struct ktls_read r;
	uint8_t buf[32];

	line_send_record(l, KTLS_ALERT, "\2\0", 2);
	line_send_record(l, KTLS_APPLICATION_DATA, "late", 4);
	line_send(l, "garbage", 7);
	assert_int_equal(line_read(l, buf, sizeof(buf), &r), 0);
	assert_int_equal(r.end, KTLS_END_CLOSE_NOTIFY);
	assert_null(l->stream.stash);
}

static void test_nothing_after_close_notify(void **state)
{
	(void)state;
	line_for_each_kind(check_nothing_after_close_notify);
}

static void check_fatal_alerts(struct line *l)
{
	static const uint8_t descriptions[] = {KTLS_BAD_RECORD_MAC, KTLS_INTERNAL_ERROR, 200};

	for (unsigned i = 0; i < COUNT(descriptions); i++) {
		uint8_t alert[2] = {KTLS_ALERT_FATAL, descriptions[i]};
		struct ktls_read r;

		text_then(l, KTLS_ALERT, alert, 2, &r);
		assert_int_equal(r.end, KTLS_END_ALERT);
		assert_int_equal(r.alert, descriptions[i]);
		assert_int_equal(r.owed, 0); /* an alert is not answered */
	}
}

static void test_fatal_alerts(void **state)
{
	(void)state;
	line_for_each_kind(check_fatal_alerts);
}

/* A warning is one in TLS 1.2 only; user_canceled announces a close_notify in both. */
static void check_warnings(struct line *l)
{
	struct ktls_read r;

	text_then(l, KTLS_ALERT, "\1\132", 2, &r); /* user_canceled */
	assert_int_equal(r.end, KTLS_END_NONE);
	text_then(l, KTLS_ALERT, "\1\144", 2, &r); /* no_renegotiation */
	assert_int_equal(r.end, l->stream.version == TLS1_3_VERSION ? KTLS_END_ALERT : KTLS_END_NONE);
	if (l->stream.version == TLS1_3_VERSION)
		assert_int_equal(r.alert, KTLS_NO_RENEGOTIATION);
	else
		text_then(l, KTLS_APPLICATION_DATA, "", 0, &r);
}

static void test_warnings(void **state)
{
	(void)state;
	line_for_each_kind(check_warnings);
}

static void check_malformed_alerts(struct line *l)
{
	for (size_t len = 0; len < 5; len++) {
		struct ktls_read r;

		if (len == 2)
			continue;
		text_then(l, KTLS_ALERT, "\1\0\1\0", len, &r);
		assert_int_equal(r.end, KTLS_END_ERROR);
		assert_int_equal(r.error, -EPROTO);
		assert_true(r.owed);
		assert_int_equal(r.alert, len ? KTLS_DECODE_ERROR : KTLS_UNEXPECTED_MESSAGE);
	}
}

static void test_malformed_alerts(void **state)
{
	(void)state;
	line_for_each_kind(check_malformed_alerts);
}

/* Handshake messages that do not belong here, and anything else that is neither content nor alert. */
static void check_other_types(struct line *l)
{
	static const uint8_t types[] = {KTLS_HANDSHAKE, KTLS_CHANGE_CIPHER_SPEC};

	for (unsigned i = 0; i < COUNT(types); i++) {
		struct ktls_read r;

		l->stream.post = (struct ktls_post){0};       /* a new stream each time */
		text_then(l, types[i], "\24\0\0\1\0", 5, &r); /* Finished */
		assert_int_equal(r.end, KTLS_END_ERROR);
		assert_int_equal(r.error, -EPROTO);
		assert_true(r.owed);
		assert_int_equal(r.alert, KTLS_UNEXPECTED_MESSAGE);
	}
}

static void test_other_types(void **state)
{
	(void)state;
	line_for_each_kind(check_other_types);
}

/* Cut off after `len` bytes of a second record: never an end that looks proper. */
static void check_truncation_at(uint16_t version, size_t cut)
{
	uint8_t wire[512], buf[32];
	struct ktls_read r;
	struct line l;
	size_t first, len = 0;

	line_open(&l, version, KTLS_AES_128_GCM);
	line_seal(&l, KTLS_APPLICATION_DATA, "text", 4, wire, &len);
	first = len;
	line_seal(&l, KTLS_ALERT, "\1\0", 2, wire, &len);
	assert_true(first + cut < len);
	line_send(&l, wire, first + cut);
	line_hang_up(&l);
	assert_int_equal(line_read_all(&l, buf, sizeof(buf), cut % 2 ? 2 : 32, &r), 4);
	if (r.end == KTLS_END_NONE) /* the end need not be known yet */
		assert_int_equal(line_read(&l, buf, sizeof(buf), &r), 0);
	assert_int_equal(r.end, KTLS_END_TRUNCATED);
	assert_false(r.owed);
	line_close(&l);
}

static void test_truncation(void **state)
{
	(void)state;
	for (unsigned v = 0; v < COUNT(versions); v++)
		for (size_t cut = 0; cut < 24; cut++)
			check_truncation_at(versions[v], cut);
}

/* All is here and the socket has ended before anybody read: little by little the reader learns it all. */
static void check_end_behind_stash(struct line *l)
{
	uint8_t buf[64];
	struct ktls_read r = {.end = KTLS_END_NONE};
	unsigned reads;
	size_t have = 0;

	for (unsigned i = 0; i < 5; i++)
		line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
	line_hang_up(l);
	for (reads = 0; reads < 100 && r.end == KTLS_END_NONE; reads++) {
		/* Who is told that there is no more waits for the next event, which will not come. */
		assert_true(reads == 0 || r.more || !r.drained);
		have += (size_t)line_read(l, buf + have, 6, &r);
	}
	assert_int_equal(have, 20);
	assert_int_equal(r.end, KTLS_END_TRUNCATED);
}

static void test_end_behind_stash(void **state)
{
	(void)state;
	line_for_each_kind(check_end_behind_stash);
}

/* A stranger's bytes behind good ones: the good ones arrive, nothing of the rest does. */
static void text_then_bytes(uint16_t version, const uint8_t *p, size_t n, struct ktls_read *r)
{
	uint8_t wire[512], buf[32];
	size_t len = 0;
	struct line l;

	line_open(&l, version, KTLS_AES_256_GCM);
	line_seal(&l, KTLS_APPLICATION_DATA, "text", 4, wire, &len);
	memcpy(wire + len, p, n);
	line_send(&l, wire, len + n);
	assert_int_equal(line_read(&l, buf, sizeof(buf), r), 4);
	assert_memory_equal(buf, "text", 4);
	assert_int_equal(r->end, KTLS_END_ERROR);
	assert_int_equal(r->owed, 1);
	assert_int_equal(r->more, 0);
	line_close(&l);
}

static void test_wrong_bytes(void **state)
{
	static const struct {
		const char *bytes;
		int error;
		uint8_t alert;
	} wrong[] = {
		{"17030300180102030405060708090a0b0c0d0e0f101112131415161718", -EBADMSG, KTLS_BAD_RECORD_MAC},
		{"1703030000", -EBADMSG, KTLS_BAD_RECORD_MAC}, /* too short for a tag */
		{"1703034101", -EMSGSIZE, KTLS_RECORD_OVERFLOW},
		{"17030bffff", -EMSGSIZE, KTLS_RECORD_OVERFLOW},
		{"0000000000", -EPROTO, KTLS_UNEXPECTED_MESSAGE},
		{"52454749535445522073", -EPROTO, KTLS_UNEXPECTED_MESSAGE}, /* REGISTER s */
	};

	(void)state;
	for (unsigned v = 0; v < COUNT(versions); v++)
		for (unsigned i = 0; i < COUNT(wrong); i++) {
			uint8_t bytes[64];
			struct ktls_read r;

			text_then_bytes(versions[v], bytes, unhex(wrong[i].bytes, bytes, sizeof(bytes)), &r);
			assert_int_equal(r.error, wrong[i].error);
			assert_int_equal(r.alert, wrong[i].alert);
		}
}

/* One changed bit anywhere in the second of three records. */
static void check_forgery(struct line *l)
{
	uint8_t wire[512], buf[64];
	struct ktls_read r;
	size_t first, second, len = 0;

	line_seal(l, KTLS_APPLICATION_DATA, "good", 4, wire, &len);
	first = len;
	line_seal(l, KTLS_APPLICATION_DATA, "evil", 4, wire, &len);
	second = len;
	line_seal(l, KTLS_APPLICATION_DATA, "good", 4, wire, &len);
	wire[(first + second) / 2] ^= 0x10;
	line_send(l, wire, len);
	assert_int_equal(line_read_all(l, buf, sizeof(buf), 3, &r), 4);
	assert_memory_equal(buf, "good", 4);
	assert_int_equal(r.end, KTLS_END_ERROR);
	assert_int_equal(r.error, -EBADMSG);
	assert_int_equal(r.alert, KTLS_BAD_RECORD_MAC);
	assert_true(r.owed);
	assert_null(l->stream.stash);
}

static void test_forgery(void **state)
{
	(void)state;
	line_for_each_kind(check_forgery);
}

static int recv_errno;

static ssize_t failing_recv(int fd, void *buf, size_t len, int flags)
{
	(void)fd;
	(void)buf;
	assert_true(len > 0);
	assert_true(flags & MSG_DONTWAIT);
	errno = recv_errno;
	return -1;
}

static void read_with_errno(struct line *l, int error, struct ktls_read *r)
{
	char buf[10];

	recv_errno = error;
	ktls_sys.recv = failing_recv;
	assert_int_equal(line_read(l, buf, sizeof(buf), r), 0);
	ktls_sys.recv = recv;
}

static void check_system_errors(struct line *l)
{
	static const int fatal[] = {ECONNRESET, ETIMEDOUT, ENOTCONN, EBADF};
	struct ktls_read r;
	char buf[10];

	read_with_errno(l, EAGAIN, &r);
	assert_true(r.end == KTLS_END_NONE && r.drained && !r.more);
	/* A signal says nothing about the socket: who believed it empty would wait for an event in vain. */
	read_with_errno(l, EINTR, &r);
	assert_true(r.end == KTLS_END_NONE && !r.drained && !r.more);
	line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
	assert_int_equal(line_read(l, buf, sizeof(buf), &r), 4);
	for (unsigned i = 0; i < COUNT(fatal); i++) {
		read_with_errno(l, fatal[i], &r);
		assert_int_equal(r.end, KTLS_END_ERROR);
		assert_int_equal(r.error, -fatal[i]);
		assert_int_equal(r.owed, 0); /* there is nobody to send it to */
	}
}

static void test_system_errors(void **state)
{
	(void)state;
	line_for_each_kind(check_system_errors);
}

/* Content that fits is delivered although there is no memory for the rest. */
static void check_out_of_memory(struct line *l)
{
	struct ktls_read r;
	char buf[4];

	line_counts.fail = 1;
	line_send_record(l, KTLS_APPLICATION_DATA, "texttext", 8);
	assert_int_equal(line_read(l, buf, sizeof(buf), &r), 4);
	assert_memory_equal(buf, "text", 4);
	assert_int_equal(r.end, KTLS_END_ERROR);
	assert_int_equal(r.error, -ENOMEM);
	assert_int_equal(r.alert, KTLS_INTERNAL_ERROR);
	assert_true(r.owed);
	assert_int_equal(r.more, 0); /* nothing follows an end */
	assert_int_equal(line_counts.held, 0);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	line_for_each_kind(check_out_of_memory);
}

/* Whatever a stream holds back is given back, and overwritten before: content and keys. */
static void check_wipe(struct line *l)
{
	struct ktls_read r;
	char buf[4];

	line_counts.never = "secret";
	line_send_record(l, KTLS_APPLICATION_DATA, "text secret secret", 18);
	line_send_record(l, KTLS_APPLICATION_DATA, "secret", 6);
	assert_int_equal(line_read(l, buf, sizeof(buf), &r), 4);
	assert_true(r.more);
	assert_int_equal(line_counts.held, 1);
	ktls_stream_wipe(&l->stream, &line_memory);
	assert_int_equal(line_counts.held, 0);
	assert_zero(&l->stream, sizeof(l->stream));
	ktls_stream_wipe(&l->stream, &line_memory); /* again does no harm */
}

static void test_wipe(void **state)
{
	(void)state;
	line_for_each_kind(check_wipe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close_notify),
		cmocka_unit_test(test_nothing_after_close_notify),
		cmocka_unit_test(test_fatal_alerts),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_malformed_alerts),
		cmocka_unit_test(test_other_types),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_end_behind_stash),
		cmocka_unit_test(test_wrong_bytes),
		cmocka_unit_test(test_forgery),
		cmocka_unit_test(test_system_errors),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests_name("stream_end", tests, NULL, NULL);
}
