/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams that are saved, wiped and restored in the middle of everything, and states that nobody saved. */
#include "line.h"

#include "ktls/stream_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t state[KTLS_STREAM_STATE_MAX];

static size_t save(const struct ktls_stream *s)
{
	ssize_t len = ktls_stream_save(s, state, sizeof(state));

	assert_true(len > 0);
	return (size_t)len;
}

/* Nothing but the bytes gets from one stream to the other. */
static void move(struct line *l)
{
	static uint8_t again[sizeof(state)];
	size_t len = save(&l->stream);

	ktls_stream_wipe(&l->stream, &line_memory);
	assert_int_equal(line_counts.held, 0);
	memset(&l->stream, 0xee, sizeof(l->stream));
	assert_int_equal(ktls_stream_restore(&l->stream, state, len, &line_memory), 0);
	assert_int_equal(ktls_stream_save(&l->stream, again, sizeof(again)), len);
	assert_memory_equal(state, again, len);
}

static void check_quiet(struct line *l)
{
	struct ktls_read r;

	for (unsigned i = 0; i < 3; i++) {
		move(l);
		line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
		line_expect(l, "text", &r);
		assert_int_equal(r.end, KTLS_END_NONE);
		line_say(l, "answer", 6);
		line_hear(l, KTLS_APPLICATION_DATA, "answer", 6);
	}
}

static void test_quiet(void **unused)
{
	(void)unused;
	line_for_each_kind(check_quiet);
}

/* Two records of which any part has been read. */
static void check_every_cut(struct line *l)
{
	uint8_t wire[2 * (6 + KTLS_MAX_EXPANSION)], heard[64];
	struct ktls_read r;
	size_t cut = 1, len;

	do {
		size_t have;

		len = 0;
		line_seal(l, KTLS_APPLICATION_DATA, "first", 5, wire, &len);
		line_seal(l, KTLS_APPLICATION_DATA, "second", 6, wire, &len);
		line_send(l, wire, cut);
		have = line_read_all(l, heard, sizeof(heard), sizeof(heard), &r);
		move(l);
		if (cut < len)
			line_send(l, wire + cut, len - cut);
		have += line_read_all(l, heard + have, sizeof(heard) - have, 20, &r);
		assert_int_equal(have, 11);
		assert_memory_equal(heard, "firstsecond", 11);
	} while (cut++ < len);
}

static void test_every_cut(void **unused)
{
	(void)unused;
	line_for_each_kind(check_every_cut);
}

/* A reader that takes little leaves opened content and the records behind it. */
static void check_left_over(struct line *l)
{
	static uint8_t said[3 * 5000], heard[sizeof(said)];
	struct ktls_read r;
	size_t have = 0;

	fill(said, sizeof(said), 1);
	for (size_t off = 0; off < sizeof(said); off += 5000)
		line_send_record(l, KTLS_APPLICATION_DATA, said + off, 5000);
	while (have < sizeof(heard)) {
		size_t len = sizeof(heard) - have < 777 ? sizeof(heard) - have : 777;

		have += (size_t)line_read(l, heard + have, len, &r);
		assert_int_equal(r.end, KTLS_END_NONE);
		move(l);
	}
	assert_memory_equal(heard, said, sizeof(said));
}

static void test_left_over(void **unused)
{
	(void)unused;
	line_for_each_kind(check_left_over);
}

/* What is owed is paid afterwards, and both sides change their keys. */
static void check_debt(struct line *l)
{
	struct ktls_read r;

	if (l->stream.version == TLS1_3_VERSION)
		line_update(l, 1);
	else
		line_send_record(l, KTLS_HANDSHAKE, "\1\0\0\0", 4);
	line_expect(l, "", &r);
	assert_true(r.respond);
	move(l);
	line_say(l, "text", 4);
	if (l->stream.version == TLS1_3_VERSION)
		line_hear_key_update(l);
	else
		line_hear(l, KTLS_ALERT, "\1\144", 2);
	line_hear(l, KTLS_APPLICATION_DATA, "text", 4);
	move(l);
	check_quiet(l);
}

static void test_debt(void **unused)
{
	(void)unused;
	line_for_each_kind(check_debt);
}

/* A message of a handshake that spans two records. */
static void check_half_message(struct line *l)
{
	struct ktls_read r;

	for (size_t cut = 1; cut < 5; cut++) {
		line_send_record(l, KTLS_HANDSHAKE, "\30\0\0\1\0", cut);
		line_expect(l, "", &r);
		move(l);
		line_send_record(l, KTLS_HANDSHAKE, "\30\0\0\1\0" + cut, 5 - cut);
		line_expect(l, "", &r);
		assert_int_equal(r.end, KTLS_END_NONE);
		assert_int_equal(ktls_key_update(&l->peer_tx, &l->peer_tx_secret), 0);
		line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
		line_expect(l, "text", &r);
	}
	line_send_record(l, KTLS_HANDSHAKE, "\30\0", 2);
	line_expect(l, "", &r);
	move(l);
	line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
	line_expect(l, "", &r);
	assert_true(r.end == KTLS_END_ERROR && r.alert == KTLS_UNEXPECTED_MESSAGE);
}

static void test_half_message(void **unused)
{
	(void)unused;
	line_for_each_aead(TLS1_3_VERSION, check_half_message);
}

/* Nobody gets new allowances by being moved. */
static void check_bounds(struct line *l)
{
	struct ktls_read r;

	for (unsigned i = 0; i < KTLS_IDLE_RECORDS_MAX; i++) {
		line_send_record(l, KTLS_APPLICATION_DATA, "", 0);
		line_expect(l, "", &r);
		assert_int_equal(r.end, KTLS_END_NONE);
		move(l);
	}
	line_send_record(l, KTLS_APPLICATION_DATA, "", 0);
	line_expect(l, "", &r);
	assert_true(r.end == KTLS_END_ERROR && r.error == -EDQUOT);
}

static void test_bounds(void **unused)
{
	(void)unused;
	line_for_each_kind(check_bounds);
}

static void check_key_updates(struct line *l)
{
	static const int64_t periods[] = {-1, INT64_MIN, INT64_MAX}; /* of another clock */
	struct ktls_bounds *b = &l->stream.bounds;
	struct ktls_read r;

	line_update(l, 0);
	line_expect(l, "", &r);
	b->key_updates = KTLS_KEY_UPDATES_MAX;
	move(l);
	assert_int_equal(b->key_updates, KTLS_KEY_UPDATES_MAX);
	for (unsigned i = 0; i < COUNT(periods); i++) {
		b->update_period = periods[i];
		assert_int_equal(ktls_stream_restore(&l->stream, state, save(&l->stream), &line_memory), 0);
		assert_true(b->update_period >= 0 && b->update_period < INT64_MAX);
	}
}

static void test_key_updates(void **unused)
{
	(void)unused;
	line_for_each_aead(TLS1_3_VERSION, check_key_updates);
}

/* The key's limit and the longest record go along. */
static void check_writer(struct line *l)
{
	uint8_t said[1000];

	fill(said, sizeof(said), 1);
	l->stream.max_fragment = 512;
	l->stream.tx.seq = l->peer_rx.seq = KTLS_GCM_SOFT_LIMIT;
	move(l);
	line_say(l, said, sizeof(said));
	line_hear_key_update(l);
	line_hear(l, KTLS_APPLICATION_DATA, said, 512);
	line_hear(l, KTLS_APPLICATION_DATA, said + 512, sizeof(said) - 512);
}

static void test_writer(void **unused)
{
	struct line l;

	(void)unused;
	line_open(&l, TLS1_3_VERSION, KTLS_AES_128_GCM);
	check_writer(&l);
	line_close(&l);
}

/* As much as can be read ahead. */
static void check_room(struct line *l)
{
	static uint8_t said[KTLS_MAX_PLAIN], out[2 * KTLS_MAX_PLAIN];
	struct ktls_read r;
	size_t len;
	char byte;

	line_send_record(l, KTLS_APPLICATION_DATA, said, KTLS_MAX_PLAIN - 400);
	line_send_record(l, KTLS_APPLICATION_DATA, said, sizeof(said));
	assert_int_equal(line_read(l, &byte, 1, &r), 1);
	len = save(&l->stream);
	assert_true(len > KTLS_MAX_PLAIN);
	assert_int_equal(ktls_stream_save(&l->stream, out, len), len);
	assert_int_equal(ktls_stream_save(&l->stream, out, len - 1), -ENOSPC);
	assert_zero(out, len - 1);
	move(l);
	assert_int_equal(line_read_all(l, out, sizeof(out), sizeof(out), &r), 2 * KTLS_MAX_PLAIN - 401);
}

static void test_room(void **unused)
{
	(void)unused;
	line_for_each_kind(check_room);
}

static struct ktls_stream in_kernel(uint16_t version, int can_rekey)
{
	struct ktls_session_keys keys = {.role = KTLS_CLIENT,
		.rx = make_key(version, KTLS_AES_128_GCM, 1),
		.tx = make_key(version, KTLS_AES_128_GCM, 2)};
	struct ktls_stream s;

	if (version == TLS1_3_VERSION) {
		keys.rx_secret = make_secret(32, 1);
		keys.tx_secret = make_secret(32, 2);
	}
	ktls_stream_init(&s, KTLS_HOME_KERNEL, &keys, can_rekey);
	return s;
}

/* The keys stay in the kernel, and what they come from goes along only if it is needed. */
static void test_records_in_kernel(void **unused)
{
	(void)unused;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
		for (int can_rekey = 0; can_rekey < 2; can_rekey++) {
			const struct ktls_key key = make_key((uint16_t)version, KTLS_AES_128_GCM, 1);
			const struct ktls_secret secret = make_secret(32, 2);
			struct ktls_stream s = in_kernel((uint16_t)version, can_rekey), other;
			size_t len;

			s.quiet = 1;
			s.uncounted_reads = KTLS_UNCOUNTED_READS - 1;
			len = save(&s);
			assert_null(memmem(state, len, key.key, 16));
			assert_int_equal(memmem(state, len, secret.bytes, 32) != NULL,
				version == TLS1_3_VERSION && can_rekey);
			assert_int_equal(ktls_stream_restore(&other, state, len, NULL), 0);
			assert_true(other.home == KTLS_HOME_KERNEL && other.role == KTLS_CLIENT);
			assert_true(other.version == version && other.can_rekey == can_rekey && other.quiet);
			assert_int_equal(other.uncounted_reads, KTLS_UNCOUNTED_READS - 1);
			assert_true(other.rx.seq == s.rx.seq && other.tx.seq == s.tx.seq);
			ktls_stream_wipe(&other, NULL);
			ktls_stream_wipe(&s, NULL);
		}
}

static void test_relayed(void **unused)
{
	struct ktls_stream s = {.home = KTLS_HOME_RELAYED};

	(void)unused;
	assert_int_equal(ktls_stream_save(&s, state, sizeof(state)), -ENOTSUP);
}

/* Opened content, a part of a record, a part of a message and a debt. */
static size_t save_everything(struct line *l)
{
	const int is_13 = l->stream.version == TLS1_3_VERSION;
	uint8_t wire[200];
	struct ktls_read r;
	size_t len = 0;
	char byte;

	if (is_13)
		line_update(l, 1);
	else
		line_send_record(l, KTLS_HANDSHAKE, "\1\0\0\0", 4);
	line_send_record(l, KTLS_APPLICATION_DATA, "more", 4);
	line_seal(l, KTLS_APPLICATION_DATA, "part", 4, wire, &len);
	line_send(l, wire, len - 1);
	assert_int_equal(line_read(l, &byte, 1, &r), 1);
	l->stream.post =
		is_13 ? (struct ktls_post){{24, 0, 0, 1}, 4, 1} : (struct ktls_post){{1, 0, 2, 0}, 4, 100};
	return save(&l->stream);
}

/* Reads and writes with a stream that is what strange bytes made of it. */
static void use(struct ktls_stream *s)
{
	uint8_t buf[100], wire[400];
	struct ktls_read r;
	size_t taken;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(send(ends[1], "\27\3\3\0\40", 5, 0), 5);
	for (unsigned i = 0; i < 5; i++) {
		ktls_stream_read(s, ends[0], buf, 3, &line_memory, &r);
		if (r.end != KTLS_END_NONE)
			break;
	}
	if (s->home == KTLS_HOME_USER)
		ktls_stream_seal(s, "text", 4, wire, sizeof(wire), &taken);
	else
		ktls_stream_count_write(s, 4);
	ktls_stream_respond(s, ends[0]);
	ktls_stream_send_alert(s, ends[0], KTLS_CLOSE_NOTIFY);
	close(ends[0]);
	close(ends[1]);
}

/* Restores a copy with nothing behind it that anybody may read. */
static int restore(const uint8_t *in, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct ktls_stream s;
	int rc;

	assert_non_null(copy);
	memcpy(copy, in, len);
	memset(&s, 0xee, sizeof(s));
	rc = ktls_stream_restore(&s, copy, len, &line_memory);
	free(copy);
	if (!rc) {
		use(&s);
		ktls_stream_wipe(&s, &line_memory);
	}
	assert_zero(&s, sizeof(s));
	return rc;
}

static void check_wrong_lengths(struct line *l)
{
	static uint8_t longer[sizeof(state) + 1];
	size_t len = save_everything(l);
	unsigned held = line_counts.held;

	memcpy(longer, state, len);
	for (size_t part = 0; part < len; part++)
		assert_int_equal(restore(longer, part), -EINVAL);
	assert_int_equal(restore(longer, len), 0);
	assert_int_equal(restore(longer, len + 1), -EINVAL);
	assert_int_equal(line_counts.held, held);
}

static void test_wrong_lengths(void **unused)
{
	(void)unused;
	line_for_each_kind(check_wrong_lengths);
}

static void check_wrong_bytes(struct line *l)
{
	static const uint8_t flips[] = {1, 2, 4, 8, 16, 32, 64, 128, 255};
	size_t len = save_everything(l), refused = 0;
	unsigned held = line_counts.held;

	for (size_t i = 0; i < len; i++)
		for (size_t j = 0; j < COUNT(flips); j++) {
			int rc;

			state[i] ^= flips[j];
			rc = restore(state, len);
			assert_true(!rc || rc == (i < 2 ? -EPROTONOSUPPORT : -EINVAL));
			assert_true(rc || i >= 2); /* another version */
			refused += rc != 0;
			state[i] ^= flips[j];
		}
	assert_true(refused > 100);
	assert_int_equal(line_counts.held, held);
}

static void test_wrong_bytes(void **unused)
{
	(void)unused;
	line_for_each_kind(check_wrong_bytes);
}

static void test_short_memory(void **unused)
{
	struct line l;
	size_t len;

	(void)unused;
	line_open(&l, TLS1_3_VERSION, KTLS_AES_256_GCM);
	len = save_everything(&l);
	line_counts.fail = 1;
	assert_int_equal(restore(state, len), -ENOMEM);
	line_counts.fail = 0;
	assert_int_equal(restore(state, len), 0);
	line_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_left_over),
		cmocka_unit_test(test_debt),
		cmocka_unit_test(test_half_message),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_key_updates),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_records_in_kernel),
		cmocka_unit_test(test_relayed),
		cmocka_unit_test(test_wrong_lengths),
		cmocka_unit_test(test_wrong_bytes),
		cmocka_unit_test(test_short_memory),
	};

	return cmocka_run_group_tests_name("stream_state", tests, NULL, NULL);
}
