/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams whose caller receives and sends by itself, in user space; the integration tests have them in the
 * kernel. */
#include "line.h"

#include "connection.h"
#include "ktls/stream_io.h"

#include <errno.h>
#include <string.h>

/* One receiving call and what the stream makes of it, or of what it has already. */
static ssize_t take(struct line *l, void *buf, size_t len, struct ktls_read *r)
{
	struct ktls_receive in;
	ssize_t n;

	if (r->more)
		return line_read(l, buf, len, r);
	ktls_stream_receive(&l->stream, &in, buf, len);
	assert_ptr_equal(in.iov.iov_base, buf);
	assert_true(in.iov.iov_len > 0 && in.iov.iov_len <= len);
	n = recvmsg(l->ours, &in.msg, MSG_DONTWAIT);
	return ktls_stream_received(&l->stream, l->ours, &in, n < 0 ? -errno : n, &line_memory, r);
}

static size_t take_all(struct line *l, uint8_t *buf, size_t cap, size_t room, struct ktls_read *r)
{
	size_t have = 0;

	*r = (struct ktls_read){.end = KTLS_END_NONE};
	do {
		size_t len = room < cap - have ? room : cap - have;
		ssize_t n = take(l, buf + have, len, r);

		assert_true(n >= 0 && (size_t)n <= len);
		have += (size_t)n;
		assert_true(line_counts.held <= 1 && line_counts.largest <= KTLS_STREAM_CHUNK + 64);
	} while (r->end == KTLS_END_NONE && (r->more || !r->drained));
	return have;
}

/* Records of several sizes, cut anywhere, into rooms of any size. */
static void check_pieces(struct line *l)
{
	static const size_t sizes[] = {1, 700, 0, 5000, KTLS_MAX_PLAIN, 3};
	static const size_t rooms[] = {1, 64, 4096, 65536};
	static uint8_t text[KTLS_MAX_PLAIN], got[65536], wire[2 * KTLS_MAX_RECORD];
	struct ktls_read r;

	fill(text, sizeof(text), 7);
	for (unsigned i = 0; i < COUNT(rooms); i++) {
		size_t len = 0, have = 0, sum = 0;
		uint64_t random = i + 1;

		for (unsigned k = 0; k < COUNT(sizes); k++) {
			line_seal(l, KTLS_APPLICATION_DATA, text, sizes[k], wire, &len);
			sum += sizes[k];
		}
		for (size_t off = 0, n; off < len; off += n) {
			n = 1 + next_random(&random) % 9000;
			n = n < len - off ? n : len - off;
			line_send(l, wire + off, n);
			have += take_all(l, got + have, sizeof(got) - have, rooms[i], &r);
			assert_int_equal(r.end, KTLS_END_NONE);
		}
		assert_int_equal(have, sum);
		for (unsigned k = 0, off = 0; k < COUNT(sizes); off += (unsigned)sizes[k++])
			assert_memory_equal(got + off, text, sizes[k]);
	}
	assert_int_equal(line_counts.held, 0);
}

static void test_pieces(void **state)
{
	(void)state;
	line_for_each_kind(check_pieces);
}

static void check_ends(struct line *l)
{
	uint8_t buf[100];
	struct ktls_read r;

	line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
	line_send_record(l, KTLS_ALERT, "\1\0", 2);
	assert_int_equal(take_all(l, buf, sizeof(buf), sizeof(buf), &r), 4);
	assert_int_equal(r.end, KTLS_END_CLOSE_NOTIFY);
}

static void check_cut_off(struct line *l)
{
	uint8_t buf[100];
	struct ktls_read r;

	line_send_record(l, KTLS_APPLICATION_DATA, "text", 4);
	line_send(l, "\27\3\3\0", 4);
	line_hang_up(l);
	assert_int_equal(take_all(l, buf, sizeof(buf), sizeof(buf), &r), 4);
	assert_int_equal(r.end, KTLS_END_TRUNCATED);
	assert_int_equal(r.owed, 0);
}

static void check_forgery(struct line *l)
{
	uint8_t wire[100], buf[100];
	struct ktls_read r;
	size_t len = 0;

	line_seal(l, KTLS_APPLICATION_DATA, "text", 4, wire, &len);
	wire[len - 1] ^= 1;
	line_send(l, wire, len);
	assert_int_equal(take_all(l, buf, sizeof(buf), sizeof(buf), &r), 0);
	assert_true(
		r.end == KTLS_END_ERROR && r.error == -EBADMSG && r.owed && r.alert == KTLS_BAD_RECORD_MAC);
}

static void check_errno(struct line *l)
{
	struct ktls_receive in;
	struct ktls_read r;
	char buf[10];

	ktls_stream_receive(&l->stream, &in, buf, sizeof(buf));
	assert_int_equal(ktls_stream_received(&l->stream, l->ours, &in, -EINTR, &line_memory, &r), 0);
	assert_true(r.end == KTLS_END_NONE && !r.drained);
	assert_int_equal(ktls_stream_received(&l->stream, l->ours, &in, -ECONNRESET, &line_memory, &r), 0);
	assert_true(r.end == KTLS_END_ERROR && r.error == -ECONNRESET && !r.owed);
}

static void test_ends(void **state)
{
	(void)state;
	line_for_each_kind(check_ends);
	line_for_each_kind(check_cut_off);
	line_for_each_kind(check_forgery);
	line_for_each_kind(check_errno);
}

/* A caller that receives although content waits is told so, before its bytes go where they do not belong. */
static void check_misuse(struct line *l)
{
	struct ktls_receive in;
	struct ktls_read r = {.more = 0};
	char buf[200];

	line_send_record(l, KTLS_APPLICATION_DATA, "a text that is longer than the room for it", 42);
	while (take(l, buf, 40, &r) == 0)
		;
	assert_true(r.more);
	ktls_stream_receive(&l->stream, &in, buf, sizeof(buf));
	assert_int_equal(in.iov.iov_len, 0);
	assert_int_equal(ktls_stream_received(&l->stream, l->ours, &in, 10, &line_memory, &r), 0);
	assert_true(r.end == KTLS_END_ERROR && r.error == -EINVAL);
}

static void test_misuse(void **state)
{
	(void)state;
	line_for_each_kind(check_misuse);
}

/* Content in records of the room there is, behind what the stream owes. */
static void check_protect(struct line *l)
{
	static const char text[] = "a text for some records";
	uint8_t records[3 * KTLS_MAX_EXPANSION], buf[10];
	struct ktls_outgoing o;
	struct ktls_read r;
	size_t done = 0;

	if (l->stream.version == TLS1_3_VERSION) {
		line_update(l, 1);
		assert_int_equal(take_all(l, buf, sizeof(buf), sizeof(buf), &r), 0);
		assert_true(r.respond);
	}
	while (done < sizeof(text)) {
		size_t cap = done ? KTLS_MAX_EXPANSION + 5 : sizeof(records);
		size_t len = done ? sizeof(text) - done : 2;

		assert_int_equal(
			ktls_stream_protect(&l->stream, l->ours, text + done, len, records, cap, &o), 0);
		assert_ptr_equal(o.bytes, records);
		assert_true(o.len <= cap && o.taken > 0 && o.taken <= len);
		assert_int_equal(send(l->ours, o.bytes, o.len, MSG_DONTWAIT), o.len);
		if (!done && l->stream.version == TLS1_3_VERSION)
			line_hear_key_update(l);
		line_hear(l, KTLS_APPLICATION_DATA, text + done, o.taken);
		done += o.taken;
	}
	line_hear_nothing(l);
}

static void test_protect(void **state)
{
	(void)state;
	line_for_each_kind(check_protect);
}

/* In the kernel's home the content itself is what goes to the socket, up to the limit of the key. */
static void test_protect_in_the_kernel(void **state)
{
	struct ktls_stream s = {
		.home = KTLS_HOME_KERNEL, .version = TLS1_3_VERSION, .tx.aead = KTLS_AES_128_GCM};
	struct ktls_outgoing o;

	(void)state;
	assert_int_equal(ktls_stream_protect(&s, -1, "text", 4, NULL, 0, &o), 0);
	assert_true(!memcmp(o.bytes, "text", 4) && o.len == 4 && o.taken == 4);
	assert_true(s.tx.seq == 1);
	s.tx.seq = KTLS_GCM_HARD_LIMIT;
	assert_int_equal(ktls_stream_protect(&s, -1, "text", 4, NULL, 0, &o), -EOVERFLOW);
}

/* From a handshake: a suite with an AEAD is a stream, one without is not. */
static void test_start(void **state)
{
	static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA"};
	struct identity id = make_identity("EC", "server", NULL);
	struct ktls_kernel_caps none = {.ulp = -ENOENT};

	(void)state;
	for (int i = 0; i < KTLS_AEADS; i++)
		none.tls12[i] = none.tls13[i] = (struct ktls_kernel_suite){-ENOENT, -ENOENT};
	for (unsigned i = 0; i < COUNT(suites); i++) {
		SSL_CTX *server = server_context(&id, KTLS_VERIFY_NONE, NULL);
		SSL_CTX *client = client_context(TLS1_2_VERSION, suites[i]);
		struct connection c;
		struct ktls_stream s;

		connection_open(&c, server, client);
		assert_int_equal(connection_run(&c), KTLS_HANDSHAKE_DONE);
		assert_int_equal(ktls_stream_start(&s, -1, c.server, i ? NULL : &none), i ? -EOPNOTSUPP : 0);
		if (!i) {
			assert_true(s.home == KTLS_HOME_USER && s.version == TLS1_2_VERSION);
			ktls_stream_wipe(&s, &line_memory);
		}
		connection_close(&c);
		SSL_CTX_free(server);
		SSL_CTX_free(client);
	}
	free_identity(&id);
}

int main(void)
{
	const struct CMUnitTest stream_io[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_protect),
		cmocka_unit_test(test_protect_in_the_kernel),
		cmocka_unit_test(test_start),
	};

	return cmocka_run_group_tests(stream_io, NULL, NULL);
}
