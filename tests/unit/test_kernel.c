/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked of the kernel and what is made of its answers, seen through the seam. */
#include "seam.h"

#include "ktls/kernel.h"
#include "ktls/stream.h"
#include "ktls/sys.h"
#include "pair.h"

#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

static const uint16_t versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* Installs with the ask of that index refused (-1: none). */
static int install(const struct ktls_key *tx, const struct ktls_key *rx, int refused, int error)
{
	seam_open();
	seam.refused_ask = refused;
	seam.refused_errno = error;
	return ktls_kernel_install(SEAM_FD, tx, rx, 0);
}

static void test_order_of_install(void **state)
{
	struct ktls_key tx = make_key(TLS1_3_VERSION, KTLS_AES_128_GCM, 1);
	struct ktls_key rx = make_key(TLS1_3_VERSION, KTLS_AES_128_GCM, 2);

	(void)state;
	assert_int_equal(install(&tx, &rx, -1, 0), 0);
	assert_int_equal(seam.asks, 3);
	assert_true(seam.asked[0].level == IPPROTO_TCP && seam.asked[0].name == TCP_ULP);
	assert_memory_equal(seam.asked[0].value, "tls", 3);
	assert_true(seam.asked[1].level == SOL_TLS && seam.asked[1].name == TLS_TX);
	assert_true(seam.asked[2].level == SOL_TLS && seam.asked[2].name == TLS_RX);
}

/* What comes after a refusal is not asked for any more; TX alone is the point of no return. */
static void test_refusals(void **state)
{
	static const int errors[] = {ENOENT, EEXIST, ENOTCONN, EINVAL, EOPNOTSUPP, ENOMEM};
	struct ktls_key k = make_key(TLS1_2_VERSION, KTLS_AES_256_GCM, 1);

	(void)state;
	for (unsigned i = 0; i < COUNT(errors); i++) {
		assert_int_equal(install(&k, &k, 0, errors[i]), -errors[i]);
		assert_int_equal(seam.asks, 1);
		assert_int_equal(install(&k, &k, 1, errors[i]), -errors[i]);
		assert_int_equal(seam.asks, 2);
		assert_int_equal(install(&k, &k, 2, errors[i]), 1);
		assert_int_equal(seam.asks, 3);
	}
}

static void check_info(const struct ktls_key *k, unsigned ask)
{
	uint8_t expected[64];
	socklen_t len = seam_key(k, expected);

	assert_int_equal(seam.asked[ask].len, len);
	assert_memory_equal(seam.asked[ask].value, expected, len);
}

static void test_bytes_of_the_keys(void **state)
{
	(void)state;
	for (unsigned v = 0; v < COUNT(versions); v++)
		for (int aead = 0; aead < KTLS_AEADS; aead++) {
			struct ktls_key tx = make_key(versions[v], aead, 1);
			struct ktls_key rx = make_key(versions[v], aead, 2);

			tx.seq = rx.seq = UINT64_C(0x0102030405060708);
			assert_int_equal(install(&tx, &rx, -1, 0), 0);
			check_info(&tx, 1);
			check_info(&rx, 2);
		}
}

static void test_recv(void **state)
{
	static const struct seam_answer list[] = {{4, 23, "text"}, {2, 21, "\1\0"}, {4, 22, "\30\0\0\0"},
		{4, 0, "text"}, {0, 0, ""}, {0, 23, ""}, {-EBADMSG, 0, ""}, {-EAGAIN, 0, ""},
		{-EMSGSIZE, 0, ""}, {-EAGAIN, 23, ""}, {0, 21, ""}, {4, 23, "text"}};
	static const uint8_t types[COUNT(list)] = {23, 21, 22, 23, 23, 23, 0, 0, 0, 23, 21, 23};
	enum {
		EMPTY = 5
	};

	(void)state;
	seam_script(list, COUNT(list));
	for (unsigned i = 0; i < COUNT(list); i++) {
		enum ktls_content_type type = 99;
		char buf[10];

		/* An empty record is not the end of the stream: that has no type. */
		assert_int_equal(
			ktls_kernel_recv(SEAM_FD, buf, sizeof(buf), &type), i == EMPTY ? -EINTR : list[i].n);
		assert_int_equal(type, types[i]);
		if (list[i].n > 0)
			assert_memory_equal(buf, list[i].content, (size_t)list[i].n);
	}
}

static ssize_t send_answer;

static ssize_t check_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	assert_int_equal(fd, SEAM_FD);
	assert_int_equal(flags, MSG_DONTWAIT | MSG_NOSIGNAL);
	assert_non_null(c);
	assert_true(c->cmsg_level == SOL_TLS && c->cmsg_type == TLS_SET_RECORD_TYPE);
	assert_int_equal(c->cmsg_len, CMSG_LEN(1));
	assert_int_equal(*CMSG_DATA(c), KTLS_ALERT);
	assert_int_equal(msg->msg_controllen, CMSG_SPACE(1));
	assert_int_equal(msg->msg_iovlen, 1);
	assert_int_equal(msg->msg_iov->iov_len, 2);
	assert_memory_equal(msg->msg_iov->iov_base, "\1\0", 2);
	if (send_answer >= 0)
		return send_answer;
	errno = (int)-send_answer;
	return -1;
}

static void test_send_control(void **state)
{
	static const struct {
		ssize_t answer;
		int rc;
	} cases[] = {{2, 0}, {1, -EAGAIN}, {0, -EAGAIN}, {-EAGAIN, -EAGAIN}, {-EPIPE, -EPIPE}};

	(void)state;
	ktls_sys.sendmsg = check_sendmsg;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct ktls_stream s = {.home = KTLS_HOME_KERNEL};

		send_answer = cases[i].answer;
		assert_int_equal(ktls_kernel_send_control(SEAM_FD, KTLS_ALERT, "\1\0", 2), cases[i].rc);
		assert_int_equal(ktls_stream_send_alert(&s, SEAM_FD, KTLS_CLOSE_NOTIFY), cases[i].rc);
	}
}

/* One read of a stream whose records live in the kernel. No memory may be asked for. */
static ssize_t stream_read(int version, const struct seam_answer *list, unsigned count, struct ktls_read *r)
{
	struct ktls_stream s = {.home = KTLS_HOME_KERNEL, .version = (uint16_t)version};
	char buf[64];

	seam_script(list, count);
	return ktls_stream_read(&s, SEAM_FD, buf, sizeof(buf), NULL, r);
}

static void test_stream_in_the_kernel(void **state)
{
	static const struct {
		struct seam_answer answer;
		ssize_t n;
		enum ktls_end end;
		int error, owed, drained;
		uint8_t alert;
	} cases[] = {
		{{4, 23, "text"}, 4, KTLS_END_NONE, 0, 0, 0, 0},
		{{4, 0, "text"}, 4, KTLS_END_NONE, 0, 0, 0, 0},
		{{-EAGAIN, 0, ""}, 0, KTLS_END_NONE, 0, 0, 1, 0},
		{{-EINTR, 0, ""}, 0, KTLS_END_NONE, 0, 0, 0, 0},
		{{0, 0, ""}, 0, KTLS_END_TRUNCATED, 0, 0, 0, 0},
		{{2, 21, "\1\0"}, 0, KTLS_END_CLOSE_NOTIFY, 0, 0, 0, 0},
		{{2, 21, "\2\50"}, 0, KTLS_END_ALERT, 0, 0, 0, 40},
		{{1, 21, "\2"}, 0, KTLS_END_ERROR, -EPROTO, 1, 0, KTLS_DECODE_ERROR},
		{{0, 21, ""}, 0, KTLS_END_ERROR, -EPROTO, 1, 0, KTLS_UNEXPECTED_MESSAGE},
		{{0, 22, ""}, 0, KTLS_END_ERROR, -EPROTO, 1, 0, KTLS_UNEXPECTED_MESSAGE},
		{{4, 22, "\24\0\0\0"}, 0, KTLS_END_ERROR, -EPROTO, 1, 0, KTLS_UNEXPECTED_MESSAGE},
		{{1, 20, "\1"}, 0, KTLS_END_ERROR, -EPROTO, 1, 0, KTLS_UNEXPECTED_MESSAGE},
		{{-EBADMSG, 0, ""}, 0, KTLS_END_ERROR, -EBADMSG, 1, 0, KTLS_BAD_RECORD_MAC},
		{{-EMSGSIZE, 0, ""}, 0, KTLS_END_ERROR, -EMSGSIZE, 1, 0, KTLS_RECORD_OVERFLOW},
		{{-EINVAL, 0, ""}, 0, KTLS_END_ERROR, -EINVAL, 1, 0, KTLS_UNEXPECTED_MESSAGE},
		{{-ECONNRESET, 0, ""}, 0, KTLS_END_ERROR, -ECONNRESET, 0, 0, KTLS_INTERNAL_ERROR},
	};

	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
		for (unsigned i = 0; i < COUNT(cases); i++) {
			struct ktls_read r;

			assert_int_equal(stream_read(version, &cases[i].answer, 1, &r), cases[i].n);
			assert_int_equal(r.end, cases[i].end);
			assert_int_equal(r.error, cases[i].error);
			assert_int_equal(r.owed, cases[i].owed);
			assert_int_equal(r.drained, cases[i].drained);
			assert_int_equal(r.alert, cases[i].alert);
			assert_int_equal(r.more, 0);
		}
}

/* The kernel hands out one control record a call; a peer with many must not keep the reader for ever. */
static void test_flood_of_warnings(void **state)
{
	struct seam_answer list[1000];
	struct ktls_read r;

	(void)state;
	for (unsigned i = 0; i < COUNT(list); i++)
		list[i] = (struct seam_answer){2, 21, "\1\132"}; /* user_canceled */
	assert_int_equal(stream_read(TLS1_3_VERSION, list, COUNT(list), &r), 0);
	assert_int_equal(r.end, KTLS_END_NONE);
	assert_int_equal(r.drained, 0);
	assert_true(seam.answers_given > 1 && seam.answers_given < 100);
	list[3] = (struct seam_answer){4, 23, "text"};
	assert_int_equal(stream_read(TLS1_3_VERSION, list, COUNT(list), &r), 4);
	assert_int_equal(seam.answers_given, 4);
}

/* The kernel hands out a record without content when one of another type stands behind it. */
static void test_empty_record_is_no_end(void **state)
{
	static const struct seam_answer list[] = {{0, 23, ""}};
	struct ktls_read r;

	(void)state;
	assert_int_equal(stream_read(TLS1_3_VERSION, list, COUNT(list), &r), 0);
	assert_int_equal(r.end, KTLS_END_NONE);
	assert_true(!r.drained); /* so that the caller reads again */
}

/* A reader with room for one byte gets alerts in halves, of which the second may be missing. */
static void test_halves_of_alerts(void **state)
{
	static const struct {
		struct seam_answer halves[2];
		enum ktls_end end;
		uint8_t alert;
	} cases[] = {
		{{{1, 21, "\1"}, {1, 21, "\0"}}, KTLS_END_CLOSE_NOTIFY, 0},
		{{{1, 21, "\2"}, {1, 21, "\50"}}, KTLS_END_ALERT, 40},
		{{{1, 21, "\1"}, {-EAGAIN, 0, ""}}, KTLS_END_ERROR, KTLS_DECODE_ERROR},
		{{{1, 21, "\1"}, {1, 23, "x"}}, KTLS_END_ERROR, KTLS_DECODE_ERROR},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct ktls_stream s = {.home = KTLS_HOME_KERNEL, .version = TLS1_3_VERSION};
		struct ktls_read r;
		char byte;

		seam_script(cases[i].halves, 2);
		assert_int_equal(ktls_stream_read(&s, SEAM_FD, &byte, 1, NULL, &r), 0);
		assert_int_equal(r.end, cases[i].end);
		assert_int_equal(r.alert, cases[i].alert);
	}
}

static void assert_low_water_asked(int bytes)
{
	int value;

	assert_int_equal(seam.asks, 1);
	assert_true(seam.asked[0].level == SOL_SOCKET && seam.asked[0].name == SO_RCVLOWAT);
	memcpy(&value, seam.asked[0].value, sizeof(value));
	assert_int_equal(value, bytes);
	seam.asks = 0;
}

/* A part of a record polls readable on some kernels; the low-water mark keeps it from waking the reader. */
static void test_parts_do_not_wake(void **state)
{
	static const struct seam_answer list[] = {
		{-EAGAIN, 0, ""}, {-EAGAIN, 0, ""}, {4, 23, "text"}, {4, 23, "text"}, {-EAGAIN, 0, ""}};
	struct ktls_stream s = {.home = KTLS_HOME_KERNEL};
	static const int low_water[COUNT(list)] = {6, 6, 1, 0, 0}; /* 0: left alone */
	struct ktls_read r;
	char buf[8];
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(dup2(fds[0], SEAM_FD), SEAM_FD);
	assert_int_equal(send(fds[1], "parts", 5, 0), 5);
	seam_open();
	seam_script(list, COUNT(list));
	for (unsigned i = 0; i < COUNT(list); i++) {
		if (i == COUNT(list) - 1)
			assert_int_equal(recv(SEAM_FD, buf, sizeof(buf), 0), 5);
		ktls_stream_read(&s, SEAM_FD, buf, sizeof(buf), NULL, &r);
		if (low_water[i])
			assert_low_water_asked(low_water[i]);
		assert_int_equal(seam.asks, 0);
	}
	close(SEAM_FD);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_order_of_install, seam_close),
		cmocka_unit_test_teardown(test_refusals, seam_close),
		cmocka_unit_test_teardown(test_bytes_of_the_keys, seam_close),
		cmocka_unit_test_teardown(test_recv, seam_close),
		cmocka_unit_test_teardown(test_send_control, seam_close),
		cmocka_unit_test_teardown(test_stream_in_the_kernel, seam_close),
		cmocka_unit_test_teardown(test_flood_of_warnings, seam_close),
		cmocka_unit_test_teardown(test_empty_record_is_no_end, seam_close),
		cmocka_unit_test_teardown(test_halves_of_alerts, seam_close),
		cmocka_unit_test_teardown(test_parts_do_not_wake, seam_close),
	};
	int failed = cmocka_run_group_tests_name("kernel", tests, NULL, NULL);

	failed += run_kernel_real_tests();
	failed += run_kernel_stream_tests();
	failed += run_kernel_idle_tests();
	return failed + run_kernel_rekey_tests();
}
