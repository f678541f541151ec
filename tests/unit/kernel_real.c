/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This machine's kernel. Where it has no kernel TLS these tests check that this is said, and are skipped;
 * EXPECT_KTLS=1 in the environment makes that a failure. EXPECT_LIMIT=1 does so where it cannot limit
 * records.
 */
#include "pair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint16_t versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
static const char stat_file[] = "/proc/net/tls_stat";

static int probe(void **state)
{
	(void)state;
	memset(&caps, 0xee, sizeof(caps));
	return ktls_kernel_probe(&caps);
}

static void test_probe(void **state)
{
	const char *expect = getenv("EXPECT_KTLS");
	long tx = tls_stat("TlsTxSw") + tls_stat("TlsTxDevice");
	struct ktls_kernel_caps again;

	(void)state;
	assert_int_equal(ktls_kernel_probe(&again), 0);
	assert_memory_equal(&again, &caps, sizeof(caps));
	assert_int_equal(access(stat_file, R_OK) == 0, caps.ulp == 0);
	if (expect && !strcmp(expect, "1"))
		for (unsigned v = 0; v < COUNT(versions); v++) {
			assert_int_equal(ktls_kernel_supports(&caps, versions[v], KTLS_AES_128_GCM), 0);
			assert_int_equal(ktls_kernel_supports(&caps, versions[v], KTLS_AES_256_GCM), 0);
		}
	for (unsigned v = 0; v < COUNT(versions); v++)
		for (int aead = 0; aead < KTLS_AEADS; aead++) {
			int rc = ktls_kernel_supports(&caps, versions[v], aead);

			assert_true(rc <= 0 && rc > -4096);
			if (caps.ulp)
				assert_int_equal(rc, caps.ulp);
		}
	if (caps.ulp)
		assert_true(caps.ulp < 0 && caps.ulp > -4096);
	assert_true(tls_stat("TlsTxSw") + tls_stat("TlsTxDevice") >= tx + count_supported());
}

/* Where the probe cannot try anything it says so everywhere, and leaves no socket behind. */
static void test_probe_without_sockets(void **state)
{
	struct rlimit before, limit;
	int first_free = dup(STDERR_FILENO);

	(void)state;
	assert_true(first_free >= 0);
	close(first_free);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (unsigned sockets = 0; sockets < 3; sockets++) {
		struct ktls_kernel_caps none;
		int rc, fd;

		limit = before;
		limit.rlim_cur = (rlim_t)first_free + sockets;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		memset(&none, 0, sizeof(none));
		rc = ktls_kernel_probe(&none);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(rc, -EMFILE);
		assert_int_equal(none.ulp, -EMFILE);
		for (int aead = 0; aead < KTLS_AEADS; aead++) {
			assert_int_equal(ktls_kernel_supports(&none, TLS1_2_VERSION, aead), -EMFILE);
			assert_int_equal(ktls_kernel_supports(&none, TLS1_3_VERSION, aead), -EMFILE);
		}
		fd = dup(STDERR_FILENO);
		assert_int_equal(fd, first_free);
		close(fd);
	}
}

static void check_both_ends_in_kernel(struct pair *p)
{
	static uint8_t said[30000];
	enum ktls_content_type type;

	pair_install(p);
	assert_int_equal(ktls_kernel_install(p->a, &p->a_tx, &p->b_tx, 0), 0);
	for (unsigned round = 0; round < 4; round++) {
		fill(said, sizeof(said), round);
		assert_int_equal(write(p->a, said, sizeof(said)), sizeof(said));
		assert_kernel_reads(p->b, said, sizeof(said));
		assert_int_equal(write(p->b, said, sizeof(said)), sizeof(said));
		assert_kernel_reads(p->a, said, sizeof(said));
	}
	assert_int_equal(ktls_kernel_send_control(p->a, KTLS_ALERT, "\1\0", 2), 0);
	assert_kernel_reads_alert(p->b, "\1\0");
	shutdown(p->a, SHUT_WR);
	assert_int_equal(kernel_recv_patiently(p->b, said, sizeof(said), &type), 0);
	assert_int_equal(type, KTLS_APPLICATION_DATA);
}

static void test_both_ends_in_kernel(void **state)
{
	(void)state;
	for_each_supported(check_both_ends_in_kernel);
}

static void check_user_space_peer(struct pair *p)
{
	static const size_t lengths[] = {1, 2, 100, 1000, 16383, 16384};
	static uint8_t said[KTLS_MAX_PLAIN];

	pair_install(p);
	for (unsigned i = 0; i < 3 * COUNT(lengths); i++) {
		size_t len = lengths[i % COUNT(lengths)];

		fill(said, len, i);
		peer_writes(p, KTLS_APPLICATION_DATA, said, len);
		assert_kernel_reads(p->b, said, len);
		assert_int_equal(write(p->b, said, len), len);
		assert_peer_reads(p, KTLS_APPLICATION_DATA, said, len);
	}
	assert_int_equal(ktls_kernel_send_control(p->b, KTLS_ALERT, "\1\0", 2), 0);
	assert_peer_reads(p, KTLS_ALERT, "\1\0", 2);
}

static void test_user_space_peer(void **state)
{
	(void)state;
	for_each_supported(check_user_space_peer);
}

/* RFC 5288 3: the kernel goes on where we stopped, so that no nonce comes twice under one key. */
static void check_explicit_nonces(struct pair *p)
{
	uint8_t record[100], nonce[KTLS_EXPLICIT_LEN];

	pair_install(p);
	for (int i = 0; i < 3 && ktls_key_has_explicit_nonce(&p->b_tx); i++) {
		assert_int_equal(write(p->b, "x", 1), 1);
		assert_int_equal(recv(p->a, record, 30, MSG_WAITALL), 30);
		ktls_key_explicit_nonce(&p->b_tx, nonce);
		assert_memory_equal(record + KTLS_HEADER_LEN, nonce, sizeof(nonce));
		p->b_tx.seq++;
	}
}

static void test_explicit_nonces(void **state)
{
	(void)state;
	for_each_supported(check_explicit_nonces);
}

/* A control record ends a read: neither what is before nor what is behind it is mixed with it. */
static void check_types_stay_apart(struct pair *p)
{
	pair_install(p);
	peer_writes(p, KTLS_APPLICATION_DATA, "before", 6);
	peer_writes(p, KTLS_ALERT, "\1\132", 2);
	peer_writes(p, KTLS_ALERT, "\1\0", 2);
	peer_writes(p, KTLS_APPLICATION_DATA, "behind", 6);
	assert_kernel_reads(p->b, "before", 6);
	assert_kernel_reads_alert(p->b, "\1\132");
	assert_kernel_reads_alert(p->b, "\1\0");
	assert_kernel_reads(p->b, "behind", 6);
}

static void test_types_stay_apart(void **state)
{
	(void)state;
	for_each_supported(check_types_stay_apart);
}

/* What a hasty client sent before the keys were in the kernel: whole records and the half of one. */
static void check_queued_before_install(struct pair *p)
{
	uint8_t record[100];
	ssize_t n;

	peer_writes(p, KTLS_APPLICATION_DATA, "first", 5);
	peer_writes(p, KTLS_APPLICATION_DATA, "second", 6);
	n = ktls_record_seal(&p->a_tx, KTLS_APPLICATION_DATA, "third", 5, record, sizeof(record));
	assert_int_equal(send(p->a, record, 12, 0), 12);
	p->a_tx.seq = 1; /* the number that the kernel has to begin with */
	pair_install(p);
	assert_kernel_reads(p->b, "firstsecond", 11);
	assert_int_equal(send(p->a, record + 12, (size_t)n - 12, 0), n - 12);
	assert_kernel_reads(p->b, "third", 5);
}

static void test_queued_before_install(void **state)
{
	(void)state;
	for_each_supported(check_queued_before_install);
}

static void check_forgery(struct pair *p)
{
	uint8_t record[100], buf[100];
	enum ktls_content_type type;
	ssize_t n;

	pair_install(p);
	peer_writes(p, KTLS_APPLICATION_DATA, "good", 4);
	assert_kernel_reads(p->b, "good", 4);
	n = ktls_record_seal(&p->a_tx, KTLS_APPLICATION_DATA, "evil", 4, record, sizeof(record));
	record[n / 2] ^= 1;
	assert_int_equal(send(p->a, record, (size_t)n, 0), n);
	assert_int_equal(kernel_recv_patiently(p->b, buf, sizeof(buf), &type), -EBADMSG);
	/* The alert that is owed can still be sent. */
	assert_int_equal(ktls_kernel_send_control(p->b, KTLS_ALERT, "\2\24", 2), 0);
	assert_peer_reads(p, KTLS_ALERT, "\2\24", 2);
}

static void test_forgery(void **state)
{
	(void)state;
	for_each_supported(check_forgery);
}

/* A text of 3,300 bytes is as many records as it takes, none of which is longer than the limit. */
static void check_limit(struct pair *p)
{
	static uint8_t said[3300];

	pair_install_limited(p, 512);
	fill(said, sizeof(said), 1);
	assert_int_equal(write(p->b, said, sizeof(said)), sizeof(said));
	for (size_t off = 0; off < sizeof(said); off += 512)
		assert_peer_reads(p, KTLS_APPLICATION_DATA, said + off,
			sizeof(said) - off < 512 ? sizeof(said) - off : 512);
}

static void test_limit(void **state)
{
	const char *expected = getenv("EXPECT_LIMIT");

	(void)state;
	if (expected && !strcmp(expected, "1"))
		assert_int_equal(caps.max_fragment, 0);
	if (caps.max_fragment)
		skip();
	for_each_supported(check_limit);
}

static void check_refused(struct pair *p)
{
	int unconnected = socket(AF_INET, SOCK_STREAM, 0);

	pair_install(p);
	assert_int_equal(ktls_kernel_install(p->b, &p->b_tx, &p->a_tx, 0), -EEXIST);
	peer_writes(p, KTLS_APPLICATION_DATA, "still here", 10);
	assert_kernel_reads(p->b, "still here", 10);
	assert_true(ktls_kernel_install(unconnected, &p->b_tx, &p->a_tx, 0) < 0);
	close(unconnected);
}

static void test_refused(void **state)
{
	(void)state;
	for_each_supported(check_refused);
}

int run_kernel_real_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_probe_without_sockets),
		cmocka_unit_test(test_both_ends_in_kernel),
		cmocka_unit_test(test_user_space_peer),
		cmocka_unit_test(test_explicit_nonces),
		cmocka_unit_test(test_types_stay_apart),
		cmocka_unit_test(test_queued_before_install),
		cmocka_unit_test(test_forgery),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("kernel_real", tests, probe, NULL);
}
