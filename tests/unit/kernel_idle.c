/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records without content in this machine's kernel. Skipped where it takes none: see kernel_real.c. */
#include "pair.h"

#include "ktls/stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static struct ktls_stream start_stream(struct pair *p)
{
	struct ktls_session_keys keys = {.rx = p->a_tx, .tx = p->b_tx};
	struct ktls_stream s;

	pair_install(p);
	ktls_stream_init(&s, KTLS_HOME_KERNEL, &keys, 0);
	return s;
}

static void restart(struct pair *p, struct ktls_stream *s)
{
	pair_close(p);
	pair_open(p, p->a_tx.version, p->a_tx.aead);
	*s = start_stream(p);
}

/* Reads until the kernel has read all that was sent, or the connection ends. Returns the bytes of content. */
static ssize_t read_all(struct pair *p, struct ktls_stream *s, struct ktls_read *r)
{
	uint64_t next;
	ssize_t have = 0;
	char buf[100];

	do {
		struct pollfd pfd = {.fd = p->b, .events = POLLIN};

		assert_int_equal(poll(&pfd, 1, 10000), 1);
		have += ktls_stream_read(s, p->b, buf, sizeof(buf), NULL, r);
		assert_int_equal(ktls_kernel_next_number(p->b, &s->rx, &next), 0);
	} while (r->end == KTLS_END_NONE && next < p->a_tx.seq);
	return have;
}

static void send_empty(struct pair *p, unsigned count)
{
	uint8_t wire[KTLS_MAX_EXPANSION * 100];
	size_t len = 0;

	assert_true(count <= 100);
	for (unsigned i = 0; i < count; i++) {
		ssize_t n = ktls_record_seal(
			&p->a_tx, KTLS_APPLICATION_DATA, "", 0, wire + len, sizeof(wire) - len);

		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_int_equal(send(p->a, wire, len, 0), len);
}

static int tells_its_count(const struct pair *p)
{
	uint64_t next;

	return !ktls_kernel_next_number(p->b, &p->a_tx, &next);
}

static void expect_flooded(const struct ktls_read *r)
{
	assert_int_equal(r->end, KTLS_END_ERROR);
	assert_int_equal(r->error, -EDQUOT);
	assert_true(r->owed && r->alert == KTLS_UNEXPECTED_MESSAGE);
}

static void check_count(struct pair *p)
{
	static const unsigned parts[] = {1, 8, 32};

	struct ktls_stream s = start_stream(p);
	struct ktls_read r;

	for (unsigned i = 0; tells_its_count(p) && i < COUNT(parts); i++) {
		for (unsigned n = 0; n < KTLS_IDLE_RECORDS_MAX; n += parts[i]) {
			send_empty(p, parts[i]);
			assert_int_equal(read_all(p, &s, &r), 0);
			assert_int_equal(r.end, KTLS_END_NONE);
		}
		send_empty(p, 1);
		assert_int_equal(read_all(p, &s, &r), 0);
		expect_flooded(&r);
		assert_int_equal(ktls_stream_send_alert(&s, p->b, r.alert), 0);
		assert_peer_reads(p, KTLS_ALERT, "\2\12", 2);
		restart(p, &s);
	}
}

static void test_count(void **state)
{
	(void)state;
	for_each_supported(check_count);
}

/* Content, and records of other types, in all orders. */
static void check_mixed(struct pair *p)
{
	struct ktls_stream s = start_stream(p);
	struct ktls_read r;

	for (unsigned i = 0; tells_its_count(p) && i < 200; i++) {
		send_empty(p, i % 8);
		peer_writes(p, KTLS_ALERT, "\1\132", 2);
		send_empty(p, i % 5);
		if (i % 3)
			peer_writes(p, KTLS_ALERT, "\1\132", 2);
		send_empty(p, i % 6);
		peer_writes(p, KTLS_APPLICATION_DATA, "text", 4);
		assert_int_equal(read_all(p, &s, &r), 4);
		assert_int_equal(r.end, KTLS_END_NONE);
	}
}

static void test_mixed(void **state)
{
	(void)state;
	for_each_supported(check_mixed);
}

/* Whoever puts a crowd in front of each byte is found out, too. */
static void check_before_content(struct pair *p)
{
	struct ktls_stream s = start_stream(p);
	struct ktls_read r = {.end = KTLS_END_NONE};

	if (!tells_its_count(p))
		return;
	for (unsigned i = 0; r.end == KTLS_END_NONE; i++) {
		assert_true(i < KTLS_UNCOUNTED_READS);
		send_empty(p, 100);
		peer_writes(p, KTLS_APPLICATION_DATA, "x", 1);
		read_all(p, &s, &r);
	}
	expect_flooded(&r);
}

static void test_before_content(void **state)
{
	(void)state;
	for_each_supported(check_before_content);
}

/* Also where the kernel does not tell how many it has read. */
static void check_flood(struct pair *p)
{
	struct ktls_stream s = start_stream(p);
	struct ktls_read r = {.end = KTLS_END_NONE};
	char buf[100];

	for (unsigned i = 0; r.end == KTLS_END_NONE; i++) {
		struct pollfd pfd = {.fd = p->b, .events = POLLIN};

		assert_true(i <= KTLS_IDLE_RECORDS_MAX);
		send_empty(p, 1);
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		assert_int_equal(ktls_stream_read(&s, p->b, buf, sizeof(buf), NULL, &r), 0);
	}
	expect_flooded(&r);
}

static void test_flood(void **state)
{
	(void)state;
	for_each_supported(check_flood);
}

int run_kernel_idle_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_before_content),
		cmocka_unit_test(test_flood),
	};

	return cmocka_run_group_tests_name("kernel_idle_real", tests, NULL, NULL);
}
