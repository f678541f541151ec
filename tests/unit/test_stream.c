/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams in user space that go on: what arrives in pieces, at once, or in more than the reader's buffer. */
#include "line.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_init_keeps_keys_of_its_home_only(void **state)
{
	struct ktls_session_keys keys = {.role = KTLS_CLIENT,
		.rx = make_key(TLS1_3_VERSION, KTLS_AES_128_GCM, 1),
		.tx = make_key(TLS1_3_VERSION, KTLS_AES_128_GCM, 2),
		.rx_secret = make_secret(32, 1),
		.tx_secret = make_secret(32, 2)};
	struct ktls_stream s;

	(void)state;
	memset(&s, 0xee, sizeof(s));
	ktls_stream_init(&s, KTLS_HOME_USER, &keys, 0);
	assert_int_equal(s.version, TLS1_3_VERSION);
	assert_int_equal(s.role, KTLS_CLIENT);
	assert_memory_equal(&s.rx, &keys.rx, sizeof(keys.rx));
	assert_memory_equal(&s.tx, &keys.tx, sizeof(keys.tx));
	assert_memory_equal(&s.rx_secret, &keys.rx_secret, sizeof(s.rx_secret));
	assert_memory_equal(&s.tx_secret, &keys.tx_secret, sizeof(s.tx_secret));
	assert_null(s.stash);
	for (int can_rekey = 0; can_rekey < 2; can_rekey++) {
		ktls_stream_init(&s, KTLS_HOME_KERNEL, &keys, can_rekey);
		assert_int_equal(s.home, KTLS_HOME_KERNEL);
		assert_int_equal(s.can_rekey, can_rekey);
		assert_zero(s.rx.key, sizeof(s.rx.key));
		assert_zero(s.tx.key, sizeof(s.tx.key));
		assert_true(s.tx.seq == keys.tx.seq && s.tx.aead == keys.tx.aead);
		/* The secrets are there for the next key: where there can be none, neither are they. */
		assert_int_equal(s.rx_secret.len, can_rekey ? 32 : 0);
		assert_int_equal(s.tx_secret.len, can_rekey ? 32 : 0);
		if (!can_rekey) {
			assert_zero(&s.rx_secret, sizeof(s.rx_secret));
			assert_zero(&s.tx_secret, sizeof(s.tx_secret));
		}
	}
}

static void check_nothing_there(struct line *l)
{
	struct ktls_read r;
	char buf[10];

	assert_int_equal(line_read(l, buf, sizeof(buf), &r), 0);
	assert_int_equal(r.end, KTLS_END_NONE);
	assert_true(r.drained && !r.more);
	assert_null(l->stream.stash);
}

static void test_nothing_there(void **state)
{
	(void)state;
	line_for_each_kind(check_nothing_there);
}

static void send_in_pieces(struct line *l, size_t piece)
{
	uint8_t wire[3 * (900 + KTLS_MAX_EXPANSION)], said[3][900], heard[sizeof(said)];
	size_t len = 0, have = 0;
	struct ktls_read r;

	for (unsigned i = 0; i < 3; i++) {
		fill(said[i], sizeof(said[i]), i);
		line_seal(l, KTLS_APPLICATION_DATA, said[i], sizeof(said[i]), wire, &len);
	}
	for (size_t off = 0; off < len; off += piece) {
		size_t n = piece < len - off ? piece : len - off;

		line_send(l, wire + off, n);
		have += line_read_all(l, heard + have, sizeof(heard) + 1 - have, sizeof(heard), &r);
		assert_int_equal(r.end, KTLS_END_NONE);
		/* All of each record is handed out as soon as its last byte is here. */
		assert_int_equal(have, (off + n) / (len / 3) * sizeof(said[0]));
	}
	assert_memory_equal(heard, said, sizeof(said));
	assert_null(l->stream.stash);
}

/* A slow peer must not cost memory for every byte. */
static void check_few_allocations(struct line *l)
{
	line_counts.made = 0;
	send_in_pieces(l, 1);
	assert_true(line_counts.made <= 3 * (KTLS_HEADER_LEN + 1));
}

static void test_few_allocations(void **state)
{
	(void)state;
	line_for_each_kind(check_few_allocations);
}

/* Nor memory for bytes that never come. */
static void check_memory_for_what_came(struct line *l)
{
	uint8_t wire[KTLS_MAX_RECORD], content[KTLS_MAX_PLAIN] = {0};
	size_t len = 0, sent = KTLS_HEADER_LEN;
	struct ktls_read r;
	char buf[10];

	line_counts.largest = 0;
	line_seal(l, KTLS_APPLICATION_DATA, content, sizeof(content), wire, &len);
	line_send(l, wire, sent);
	assert_int_equal(line_read(l, buf, sizeof(buf), &r), 0);
	assert_in_range(line_counts.largest, 1, 1024);
	for (size_t n = 4000; sent < 8000; sent += n) {
		line_send(l, wire + sent, n);
		line_read_all(l, buf, sizeof(buf), sizeof(buf), &r);
	}
	assert_int_equal(r.end, KTLS_END_NONE);
	assert_in_range(line_counts.largest, sent, 2 * sent + 1024);
}

static void test_memory_for_what_came(void **state)
{
	(void)state;
	line_for_each_kind(check_memory_for_what_came);
}

static void check_pieces(struct line *l)
{
	static const size_t pieces[] = {1, 2, 4, 5, 7, 16, 900, 1000, 100000};

	for (unsigned i = 0; i < COUNT(pieces); i++)
		send_in_pieces(l, pieces[i]);
}

static void test_pieces(void **state)
{
	(void)state;
	line_for_each_kind(check_pieces);
}

/* Two records, cut in two at every place there is. */
static void check_every_cut(struct line *l)
{
	uint8_t wire[2 * (6 + KTLS_MAX_EXPANSION)], heard[64];
	struct ktls_read r;
	size_t cut = 0, len;

	do {
		size_t have;

		len = 0;
		line_seal(l, KTLS_APPLICATION_DATA, "first", 5, wire, &len);
		line_seal(l, KTLS_APPLICATION_DATA, "second", 6, wire, &len);
		if (cut)
			line_send(l, wire, cut);
		have = line_read_all(l, heard, sizeof(heard), sizeof(heard), &r);
		if (cut < len)
			line_send(l, wire + cut, len - cut);
		have += line_read_all(l, heard + have, sizeof(heard) - have, 20, &r);
		assert_int_equal(have, 11);
		assert_memory_equal(heard, "firstsecond", 11);
	} while (cut++ < len);
}

static void test_every_cut(void **state)
{
	(void)state;
	line_for_each_kind(check_every_cut);
}

static void check_many_at_once(struct line *l)
{
	uint8_t wire[100 * (20 + KTLS_MAX_EXPANSION)], said[100 * 20], heard[sizeof(said) + 1];
	struct ktls_read r;
	size_t len = 0;

	fill(said, sizeof(said), 1);
	for (size_t i = 0; i < 100; i++)
		line_seal(l, KTLS_APPLICATION_DATA, said + 20 * i, 20, wire, &len);
	line_send(l, wire, len);
	assert_int_equal(line_read(l, heard, sizeof(heard), &r), sizeof(said));
	assert_memory_equal(heard, said, sizeof(said));
	assert_true(r.end == KTLS_END_NONE && r.drained && !r.more);
	assert_null(l->stream.stash);
}

static void test_many_at_once(void **state)
{
	(void)state;
	line_for_each_kind(check_many_at_once);
}

/* What does not fit stays in the stash, and `more` says so until it is gone. */
static void check_record_larger_than_buffer(struct line *l)
{
	static uint8_t said[KTLS_MAX_PLAIN], heard[KTLS_MAX_PLAIN];
	struct ktls_read r;
	size_t have = 0;

	fill(said, sizeof(said), 1);
	line_send_record(l, KTLS_APPLICATION_DATA, said, sizeof(said));
	while (have < sizeof(heard)) {
		size_t len = sizeof(heard) - have < 1000 ? sizeof(heard) - have : 1000;

		assert_int_equal(line_read(l, heard + have, len, &r), len);
		have += len;
		assert_int_equal(r.end, KTLS_END_NONE);
		assert_int_equal(r.more, have < sizeof(heard));
		assert_int_equal(l->stream.stash != NULL, have < sizeof(heard));
	}
	assert_memory_equal(heard, said, sizeof(said));
}

static void test_record_larger_than_buffer(void **state)
{
	(void)state;
	line_for_each_kind(check_record_larger_than_buffer);
}

/* Several records, several reads ahead, and a reader that takes little at a time. */
static void check_more_than_room(struct line *l)
{
	static uint8_t said[5 * 9000], heard[sizeof(said) + 1];
	static const size_t rooms[] = {1, 13, 8999, 9000, 9001, sizeof(heard)};
	struct ktls_read r;

	fill(said, sizeof(said), 1);
	for (unsigned i = 0; i < COUNT(rooms); i++) {
		for (size_t off = 0; off < sizeof(said); off += 9000)
			line_send_record(l, KTLS_APPLICATION_DATA, said + off, 9000);
		memset(heard, 0, sizeof(heard));
		assert_int_equal(line_read_all(l, heard, sizeof(heard), rooms[i], &r), sizeof(said));
		assert_memory_equal(heard, said, sizeof(said));
		assert_int_equal(r.end, KTLS_END_NONE);
		assert_null(l->stream.stash);
	}
}

static void test_more_than_room(void **state)
{
	(void)state;
	line_for_each_kind(check_more_than_room);
}

/* Records of the greatest length, read as far ahead as a stream may. */
static void check_greatest_records(struct line *l)
{
	static uint8_t said[3 * KTLS_MAX_PLAIN], heard[sizeof(said) + 1];
	struct ktls_read r;

	fill(said, sizeof(said), 2);
	for (size_t off = 0; off < sizeof(said); off += KTLS_MAX_PLAIN)
		line_send_record(l, KTLS_APPLICATION_DATA, said + off, KTLS_MAX_PLAIN);
	assert_int_equal(line_read_all(l, heard, sizeof(heard), 16000, &r), sizeof(said));
	assert_memory_equal(heard, said, sizeof(said));
}

static void test_greatest_records(void **state)
{
	(void)state;
	line_for_each_kind(check_greatest_records);
}

/* RFC 8446 5.1 allows records without content; they must neither end nor hold up anything. */
static void check_empty_records(struct line *l)
{
	uint8_t wire[KTLS_IDLE_RECORDS_MAX * KTLS_MAX_EXPANSION], buf[10];
	struct ktls_read r;
	size_t len = 0;

	for (unsigned i = 0; i < KTLS_IDLE_RECORDS_MAX; i++)
		line_seal(l, KTLS_APPLICATION_DATA, "", 0, wire, &len);
	line_send(l, wire, len);
	assert_int_equal(line_read_all(l, buf, sizeof(buf), sizeof(buf), &r), 0);
	assert_int_equal(r.end, KTLS_END_NONE);
	line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
	assert_int_equal(line_read_all(l, buf, sizeof(buf), 2, &r), 4);
	assert_memory_equal(buf, "text", 4);
	line_send_record(l, KTLS_APPLICATION_DATA, "", 0);
	line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
	assert_int_equal(line_read_all(l, buf, sizeof(buf), 2, &r), 4);
	assert_memory_equal(buf, "text", 4);
}

static void test_empty_records(void **state)
{
	(void)state;
	line_for_each_kind(check_empty_records);
}

/* Any lengths of records, pieces and buffers: what was said is what is heard. */
static void check_random_sizes(struct line *l)
{
	static uint8_t wire[40 * (3000 + KTLS_MAX_EXPANSION)], said[40 * 3000], heard[sizeof(said) + 1];
	uint64_t random = l->stream.rx.aead + 10u * (l->stream.version == TLS1_3_VERSION);
	size_t len = 0, sent = 0, off = 0, have = 0;
	struct ktls_read r = {.end = KTLS_END_NONE};

	fill(said, sizeof(said), 3);
	for (unsigned i = 0; i < 40; i++) {
		size_t n = next_random(&random) % 3000;

		line_seal(l, KTLS_APPLICATION_DATA, said + sent, n, wire, &len);
		sent += n;
	}
	while (off < len || r.more || !r.drained) {
		size_t piece = next_random(&random) % 4000 + 1, room = next_random(&random) % 5000 + 1;
		ssize_t n;

		piece = piece < len - off ? piece : len - off;
		if (piece)
			line_send(l, wire + off, piece);
		off += piece;
		n = line_read(l, heard + have, room < sizeof(heard) - have ? room : sizeof(heard) - have, &r);
		assert_true(n >= 0);
		assert_int_equal(r.end, KTLS_END_NONE);
		have += (size_t)n;
	}
	assert_int_equal(have, sent);
	assert_memory_equal(heard, said, sent);
	assert_null(l->stream.stash);
}

static void test_random_sizes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		line_for_each_kind(check_random_sizes);
}

/* Memory that both sides of a fork see. Never given back: the test ends before it is used up. */
static uint8_t *shared, *shared_next;

static void *shared_alloc(size_t len)
{
	uint8_t *p = shared_next;

	shared_next += (len + 15) / 16 * 16;
	return p;
}

static void shared_release(void *p)
{
	(void)p;
}

/* A stream in shared memory may be read on by another process, with all that it holds back. */
static void test_stream_changes_hands(void **state)
{
	static const struct ktls_allocator memory = {shared_alloc, shared_release};
	struct line l;
	struct ktls_stream *s;
	struct ktls_read r;
	char buf[16];
	int status;
	pid_t child;

	(void)state;
	shared = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	s = (struct ktls_stream *)shared;
	shared_next = shared + 4096;
	line_open(&l, TLS1_3_VERSION, KTLS_AES_128_GCM);
	*s = l.stream;
	line_send_record(&l, KTLS_APPLICATION_DATA, "one, two", 8);
	line_send_record(&l, KTLS_APPLICATION_DATA, "three", 5);
	child = fork();
	if (child == 0)
		_exit(ktls_stream_read(s, l.ours, buf, 4, &memory, &r) == 4 && !memcmp(buf, "one,", 4) &&
					r.more
				? 0
				: 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(ktls_stream_read(s, l.ours, buf, sizeof(buf), &memory, &r), 4);
	assert_memory_equal(buf, " two", 4);
	assert_true(r.more);
	assert_int_equal(ktls_stream_read(s, l.ours, buf, sizeof(buf), &memory, &r), 5);
	assert_memory_equal(buf, "three", 5);
	ktls_stream_wipe(s, &memory);
	munmap(shared, 1 << 20);
	line_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_keeps_keys_of_its_home_only),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_few_allocations),
		cmocka_unit_test(test_memory_for_what_came),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_record_larger_than_buffer),
		cmocka_unit_test(test_more_than_room),
		cmocka_unit_test(test_greatest_records),
		cmocka_unit_test(test_empty_records),
		cmocka_unit_test(test_random_sizes),
		cmocka_unit_test(test_stream_changes_hands),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
