/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams whose records live in this machine's kernel. Skipped where it takes none: see kernel_real.c. */
#include "pair.h"

#include "ktls/stream_state.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct ktls_stream start_stream(struct pair *p)
{
	struct ktls_session_keys keys = {.rx = p->a_tx, .tx = p->b_tx};
	struct ktls_stream s;

	pair_install(p);
	ktls_stream_init(&s, KTLS_HOME_KERNEL, &keys, 0);
	return s;
}

/* Reads a stream in the kernel's home until it has something to say. */
static ssize_t stream_read(struct pair *p, struct ktls_stream *s, void *buf, size_t len, struct ktls_read *r)
{
	struct pollfd pfd = {.fd = p->b, .events = POLLIN};
	ssize_t n;

	do {
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		n = ktls_stream_read(s, p->b, buf, len, NULL, r);
	} while (n == 0 && r->end == KTLS_END_NONE);
	return n;
}

static void check_stream(struct pair *p)
{
	struct ktls_stream s = start_stream(p);
	struct ktls_read r;
	char buf[100];

	assert_int_equal(ktls_stream_read(&s, p->b, buf, sizeof(buf), NULL, &r), 0);
	assert_true(r.end == KTLS_END_NONE && r.drained);
	peer_writes(p, KTLS_APPLICATION_DATA, "text", 4);
	assert_int_equal(stream_read(p, &s, buf, sizeof(buf), &r), 4);
	peer_writes(p, KTLS_APPLICATION_DATA, "", 0);
	peer_writes(p, KTLS_ALERT, "\1\132", 2);
	peer_writes(p, KTLS_APPLICATION_DATA, "more", 4);
	assert_int_equal(stream_read(p, &s, buf, sizeof(buf), &r), 4);
	assert_memory_equal(buf, "more", 4);
	peer_writes(p, KTLS_ALERT, "\1\0", 2);
	assert_int_equal(stream_read(p, &s, buf, sizeof(buf), &r), 0);
	assert_int_equal(r.end, KTLS_END_CLOSE_NOTIFY);
	assert_int_equal(ktls_stream_send_alert(&s, p->b, KTLS_CLOSE_NOTIFY), 0);
	assert_peer_reads(p, KTLS_ALERT, "\1\0", 2);
	ktls_stream_wipe(&s, NULL);
}

static void test_stream(void **state)
{
	(void)state;
	for_each_supported(check_stream);
}

/* A stream that was saved and restored goes on with another descriptor of its socket. */
static void check_saved(struct pair *p)
{
	struct ktls_stream before = start_stream(p), s;
	uint8_t state[KTLS_STREAM_STATE_MAX];
	struct ktls_read r;
	char buf[100];
	ssize_t len;
	int other;

	peer_writes(p, KTLS_APPLICATION_DATA, "one, two", 8);
	assert_int_equal(stream_read(p, &before, buf, 4, &r), 4);
	len = ktls_stream_save(&before, state, sizeof(state));
	assert_true(len > 0);
	ktls_stream_wipe(&before, NULL);
	other = dup(p->b);
	assert_true(other >= 0);
	close(p->b);
	p->b = other;
	assert_int_equal(ktls_stream_restore(&s, state, (size_t)len, NULL), 0);
	assert_int_equal(stream_read(p, &s, buf, sizeof(buf), &r), 4);
	assert_memory_equal(buf, " two", 4);
	assert_int_equal(ktls_stream_count_write(&s, 6), 0);
	assert_int_equal(send(p->b, "answer", 6, 0), 6);
	assert_peer_reads(p, KTLS_APPLICATION_DATA, "answer", 6);
	assert_int_equal(ktls_stream_send_alert(&s, p->b, KTLS_CLOSE_NOTIFY), 0);
	assert_peer_reads(p, KTLS_ALERT, "\1\0", 2);
	ktls_stream_wipe(&s, NULL);
}

static void test_saved(void **state)
{
	(void)state;
	for_each_supported(check_saved);
}

/* Ends that are no close_notify: the connection is cut off, or what comes is no record. */
static void check_bad_ends(struct pair *p)
{
	static const char *const headers[] = {
		"17030300", "17030350010000000000000000", "00000001000000000000000000"};
	/* 13 bytes: with an explicit nonce the kernel waits for it before it looks at the header. */
	static const int errors[] = {0, -EMSGSIZE, -EINVAL};

	for (unsigned i = 0; i < COUNT(headers); i++) {
		struct ktls_stream s = {.home = KTLS_HOME_KERNEL};
		struct ktls_read r;
		uint8_t bytes[32];
		size_t len = unhex(headers[i], bytes, sizeof(bytes));
		char buf[100];

		if (i) { /* the first pair is the caller's */
			pair_close(p);
			pair_open(p, p->a_tx.version, p->a_tx.aead);
		}
		pair_install(p);
		assert_int_equal(send(p->a, bytes, len, 0), len);
		shutdown(p->a, SHUT_WR);
		assert_int_equal(stream_read(p, &s, buf, sizeof(buf), &r), 0);
		assert_int_equal(r.end, errors[i] ? KTLS_END_ERROR : KTLS_END_TRUNCATED);
		assert_int_equal(r.error, errors[i]);
		assert_int_equal(r.owed, errors[i] != 0);
	}
}

static void test_bad_ends(void **state)
{
	(void)state;
	for_each_supported(check_bad_ends);
}

static int readable(const struct pair *p)
{
	struct pollfd pfd = {.fd = p->b, .events = POLLIN};

	return poll(&pfd, 1, 0) == 1;
}

static int low_water(const struct pair *p)
{
	int bytes;
	socklen_t len = sizeof(bytes);

	assert_int_equal(getsockopt(p->b, SOL_SOCKET, SO_RCVLOWAT, &bytes, &len), 0);
	return bytes;
}

enum {
	ASKS_MAX = 10000 /* until bytes sent on loopback have arrived */
};

/* a sends bytes as they are; returns when they have arrived and b's reader has found nothing whole in them.
 */
static void send_part(struct pair *p, struct ktls_stream *s, const uint8_t *bytes, size_t len)
{
	struct ktls_read r;
	char buf[100];
	int before, queued, queued_all = 0;

	assert_int_equal(ioctl(p->b, FIONREAD, &before), 0);
	assert_int_equal(send(p->a, bytes, len, 0), len);
	/* Before Linux 6.0 the kernel takes parts of a record out of the socket's queue at once. */
	for (int i = 0; i < ASKS_MAX && !queued_all; i++) {
		assert_int_equal(ioctl(p->b, FIONREAD, &queued), 0);
		queued_all = (size_t)queued >= (size_t)before + len;
	}
	assert_int_equal(ktls_stream_read(s, p->b, buf, sizeof(buf), NULL, &r), 0);
	assert_true(r.end == KTLS_END_NONE && r.drained);
}

/* Who polls must not be woken for a part of a record again and again, but for its end. */
static void check_parts(struct pair *p)
{
	struct ktls_stream s = start_stream(p);
	struct ktls_read r;
	uint8_t record[100];
	char buf[100];

	for (size_t cut = 1; cut < 22; cut++) {
		ssize_t n =
			ktls_record_seal(&p->a_tx, KTLS_APPLICATION_DATA, "text", 4, record, sizeof(record));

		send_part(p, &s, record, cut);
		assert_false(readable(p));
		send_part(p, &s, record + cut, 1);
		assert_false(readable(p));
		assert_int_equal(send(p->a, record + cut + 1, (size_t)n - cut - 1, 0), (size_t)n - cut - 1);
		assert_int_equal(stream_read(p, &s, buf, sizeof(buf), &r), 4);
		assert_int_equal(low_water(p), 1);
	}
	send_part(p, &s, (const uint8_t *)"\27\3\3", 3);
	shutdown(p->a, SHUT_WR);
	assert_int_equal(stream_read(p, &s, buf, sizeof(buf), &r), 0);
	assert_int_equal(r.end, KTLS_END_TRUNCATED);
}

static void test_parts(void **state)
{
	(void)state;
	for_each_supported(check_parts);
}

/* A long record turns out to be padding only: what comes behind it must still wake the reader. */
static void test_parts_of_padding(void **state)
{
	static uint8_t inner[10000] = {KTLS_APPLICATION_DATA}, record[sizeof(inner) + 100];
	struct ktls_stream s;
	struct ktls_read r;
	struct pair p;
	char buf[100];
	size_t len;

	(void)state;
	if (ktls_kernel_supports(&caps, TLS1_3_VERSION, KTLS_AES_128_GCM))
		skip();
	pair_open(&p, TLS1_3_VERSION, KTLS_AES_128_GCM);
	s = start_stream(&p);
	len = seal_inner(&p.a_tx, inner, sizeof(inner), record);
	p.a_tx.seq++;
	send_part(&p, &s, record, len - 1);
	assert_int_equal(send(p.a, record + len - 1, 1, 0), 1);
	do
		assert_int_equal(ktls_stream_read(&s, p.b, buf, sizeof(buf), NULL, &r), 0);
	while (!r.drained || readable(&p));
	assert_int_equal(low_water(&p), 1);
	peer_writes(&p, KTLS_APPLICATION_DATA, "text", 4);
	assert_int_equal(stream_read(&p, &s, buf, sizeof(buf), &r), 4);
	pair_close(&p);
}

enum {
	RECORDS = 500
};

/* Sends records in two parts as fast as the kernel takes them. */
static int send_torn_records(struct pair *p)
{
	uint64_t random = 1;

	for (unsigned i = 0; i < RECORDS; i++) {
		uint8_t plain[300], record[sizeof(plain) + KTLS_MAX_EXPANSION];
		size_t n, cut;

		fill(plain, sizeof(plain), i);
		n = (size_t)ktls_record_seal(
			&p->a_tx, KTLS_APPLICATION_DATA, plain, sizeof(plain), record, sizeof(record));
		cut = next_random(&random) % (n - 1) + 1;
		if (send(p->a, record, cut, 0) != (ssize_t)cut ||
			send(p->a, record + cut, n - cut, 0) != (ssize_t)(n - cut))
			return 1;
	}
	return 0;
}

/* The end of a record may arrive at any moment while its reader goes to sleep: it must wake up. */
static void check_torn_records(struct pair *p)
{
	struct ktls_stream s = start_stream(p);
	uint8_t expected[300], buf[300];
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(send_torn_records(p));
	for (unsigned i = 0; i < RECORDS; i++) {
		fill(expected, sizeof(expected), i);
		for (size_t have = 0; have < sizeof(buf);) {
			struct ktls_read r;

			have += (size_t)stream_read(p, &s, buf + have, sizeof(buf) - have, &r);
			assert_int_equal(r.end, KTLS_END_NONE);
		}
		assert_memory_equal(buf, expected, sizeof(buf));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_torn_records(void **state)
{
	(void)state;
	for_each_supported(check_torn_records);
}

int run_kernel_stream_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_saved),
		cmocka_unit_test(test_bad_ends),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_parts_of_padding),
		cmocka_unit_test(test_torn_records),
	};

	return cmocka_run_group_tests_name("kernel_stream", tests, NULL, NULL);
}
