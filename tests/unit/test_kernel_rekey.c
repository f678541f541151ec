/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Key changes of streams in the kernel's home: what the kernel is asked, seen through the seam. */
#include "seam.h"

#include "ktls/kernel.h"
#include "ktls/stream.h"
#include "ktls/sys.h"

#include <errno.h>
#include <linux/tls.h>
#include <string.h>
#include <unistd.h>

#define KEY_UPDATE                                                                                           \
	{                                                                                                    \
		5, KTLS_HANDSHAKE, "\30\0\0\1\0"                                                             \
	}
#define KEY_UPDATE_REQUEST                                                                                   \
	{                                                                                                    \
		5, KTLS_HANDSHAKE, "\30\0\0\1\1"                                                             \
	}

static struct ktls_session_keys make_keys(enum ktls_aead aead)
{
	uint8_t hash_len = aead == KTLS_AES_256_GCM ? 48 : 32;
	struct ktls_session_keys keys = {
		.rx = make_key(TLS1_3_VERSION, aead, 1),
		.tx = make_key(TLS1_3_VERSION, aead, 2),
		.rx_secret = make_secret(hash_len, 1),
		.tx_secret = make_secret(hash_len, 2),
	};

	keys.rx.seq = 7;
	keys.tx.seq = 9;
	return keys;
}

static struct ktls_stream start(const struct ktls_session_keys *keys, int can_rekey)
{
	struct ktls_stream s;

	seam_open();
	ktls_stream_init(&s, KTLS_HOME_KERNEL, keys, can_rekey);
	return s;
}

static ssize_t read_answers(
	struct ktls_stream *s, const struct seam_answer *list, unsigned count, struct ktls_read *r)
{
	char buf[64];

	seam_script(list, count);
	return ktls_stream_read(s, SEAM_FD, buf, sizeof(buf), NULL, r);
}

/* The ask with that index was for this key in that direction, from record 0 on. */
static void assert_key_asked(unsigned i, int direction, const struct ktls_key *k)
{
	uint8_t expected[64];
	socklen_t len = seam_key(k, expected);

	assert_true(i < seam.asks && k->seq == 0);
	assert_true(seam.asked[i].level == SOL_TLS && seam.asked[i].name == direction);
	assert_int_equal(seam.asked[i].len, len);
	assert_memory_equal(seam.asked[i].value, expected, len);
}

static void assert_no_key_bytes(const struct ktls_stream *s)
{
	assert_zero(s->rx.key, sizeof(s->rx.key));
	assert_zero(s->tx.key, sizeof(s->tx.key));
}

/* A kernel that cannot follow: the connection is closed properly, and nothing is asked of the kernel. */
static void test_cannot_rekey(void **state)
{
	static const struct seam_answer lists[][1] = {{KEY_UPDATE}, {KEY_UPDATE_REQUEST}};

	(void)state;
	for (int aead = 0; aead < KTLS_AEADS; aead++)
		for (unsigned i = 0; i < COUNT(lists); i++) {
			struct ktls_session_keys keys = make_keys(aead);
			struct ktls_stream s = start(&keys, 0);
			struct ktls_read r;

			assert_int_equal(read_answers(&s, lists[i], 1, &r), 0);
			assert_int_equal(r.end, KTLS_END_KEY_UPDATE);
			assert_true(r.owed && !r.error && !r.respond && !r.more);
			assert_int_equal(r.alert, KTLS_CLOSE_NOTIFY);
			assert_int_equal(seam.calls, 0);
			assert_int_equal(ktls_stream_send_alert(&s, SEAM_FD, r.alert), 0);
			assert_true(seam.sends == 1 && seam.sent[0].type == KTLS_ALERT);
			assert_memory_equal(seam.sent[0].bytes, "\1\0", 2);
		}
}

static void test_follows(void **state)
{
	static const struct seam_answer list[] = {KEY_UPDATE, {4, 23, "text"}};

	(void)state;
	for (int aead = 0; aead < KTLS_AEADS; aead++) {
		struct ktls_session_keys keys = make_keys(aead), next = keys;
		struct ktls_stream s = start(&keys, 1);
		struct ktls_read r;

		for (unsigned generation = 0; generation < 3; generation++) {
			assert_int_equal(ktls_key_update(&next.rx, &next.rx_secret), 0);
			assert_int_equal(read_answers(&s, list, 2, &r), 4);
			assert_true(r.end == KTLS_END_NONE && !r.respond);
			assert_int_equal(seam.asks, generation + 1);
			assert_key_asked(generation, TLS_RX, &next.rx);
			assert_no_key_bytes(&s);
		}
		assert_int_equal(seam.sends, 0);
		assert_true(s.tx.seq == keys.tx.seq);
	}
}

/* The answer goes out under the old key; only then the kernel gets the next. */
static void test_answers(void **state)
{
	static const struct seam_answer list[] = {KEY_UPDATE_REQUEST, {-EAGAIN, 0, ""}};

	(void)state;
	for (int aead = 0; aead < KTLS_AEADS; aead++) {
		struct ktls_session_keys keys = make_keys(aead), next = keys;
		struct ktls_stream s = start(&keys, 1);
		struct ktls_read r;

		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(ktls_key_update(&next.rx, &next.rx_secret), 0);
			assert_int_equal(ktls_key_update(&next.tx, &next.tx_secret), 0);
			assert_int_equal(read_answers(&s, list, 2, &r), 0);
			assert_true(r.end == KTLS_END_NONE && r.respond && r.drained);
			assert_true(seam.asks == 2 * i + 1 && seam.sends == i);
			assert_key_asked(2 * i, TLS_RX, &next.rx);
			assert_int_equal(ktls_stream_respond(&s, SEAM_FD), 0);
			assert_true(seam.asks == 2 * i + 2 && seam.sends == i + 1);
			assert_int_equal(seam.sent[i].type, KTLS_HANDSHAKE);
			assert_int_equal(seam.sent[i].len, 5);
			assert_memory_equal(seam.sent[i].bytes, "\30\0\0\1\0", 5);
			assert_key_asked(2 * i + 1, TLS_TX, &next.tx);
			assert_true(seam.send_calls[i] < seam.ask_calls[2 * i + 1]);
			assert_no_key_bytes(&s);
			assert_true(s.tx.seq == 0 && !s.owes);
		}
		assert_int_equal(ktls_stream_respond(&s, SEAM_FD), 0);
		assert_int_equal(seam.sends, 3);
	}
}

static void test_refused_rx(void **state)
{
	static const struct seam_answer list[] = {KEY_UPDATE};
	static const int errors[] = {EBUSY, EINVAL, ENOMEM, EAGAIN};

	(void)state;
	for (unsigned i = 0; i < COUNT(errors); i++) {
		struct ktls_session_keys keys = make_keys(KTLS_AES_128_GCM);
		struct ktls_stream s = start(&keys, 1);
		struct ktls_read r;

		seam.refused_ask = 0;
		seam.refused_errno = errors[i];
		assert_int_equal(read_answers(&s, list, 1, &r), 0);
		assert_true(r.end == KTLS_END_ERROR && r.owed && !r.respond);
		assert_int_equal(r.error, -errors[i]);
		assert_int_equal(r.alert, KTLS_INTERNAL_ERROR);
		assert_no_key_bytes(&s);
	}
}

/* Not sent: still owed, and the key is the old one. Sent, but refused by the kernel: the end. */
static void test_refused_tx(void **state)
{
	static const struct {
		int send_errno, ask_errno, rc;
		unsigned asks;
		int owed;
	} cases[] = {
		{EAGAIN, 0, -EAGAIN, 0, 1}, {EINTR, 0, -EAGAIN, 0, 1}, {EPIPE, 0, -EPIPE, 0, 0},
		{ECONNRESET, 0, -ECONNRESET, 0, 0}, {0, EBUSY, -EBUSY, 1, 0}, {0, ENOMEM, -ENOMEM, 1, 0},
		{0, EAGAIN, -EIO, 1, 0}, /* nobody must take it for "not sent" */
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct ktls_session_keys keys = make_keys(KTLS_AES_256_GCM), next = keys;
		struct ktls_stream s = start(&keys, 1);

		s.owes = KTLS_OWES_KEY_UPDATE;
		seam.refused_send = cases[i].send_errno ? 0 : -1;
		seam.refused_send_errno = cases[i].send_errno;
		seam.refused_ask = cases[i].ask_errno ? 0 : -1;
		seam.refused_errno = cases[i].ask_errno;
		assert_int_equal(ktls_stream_respond(&s, SEAM_FD), cases[i].rc);
		assert_int_equal(seam.asks, cases[i].asks);
		assert_int_equal(s.owes, cases[i].owed);
		assert_no_key_bytes(&s);
		if (!cases[i].owed)
			continue;
		assert_memory_equal(&s.tx_secret, &keys.tx_secret, sizeof(keys.tx_secret));
		assert_int_equal(ktls_stream_respond(&s, SEAM_FD), 0);
		assert_int_equal(ktls_key_update(&next.tx, &next.tx_secret), 0);
		assert_key_asked(0, TLS_TX, &next.tx);
		assert_int_equal(seam.sends, 2);
	}
}

/* TLS 1.2: a warning as control record, which may have to wait; no key is touched. */
static void test_renegotiation(void **state)
{
	static const struct seam_answer list[] = {
		{4, 22, "\1\0\0\5"}, {3, 22, "abc"}, {2, 22, "de"}, {4, 23, "text"}};
	struct ktls_session_keys keys = {.rx = make_key(TLS1_2_VERSION, KTLS_AES_128_CCM, 1),
		.tx = make_key(TLS1_2_VERSION, KTLS_AES_128_CCM, 2)};
	struct ktls_stream s = start(&keys, 1);
	struct ktls_read r;

	(void)state;
	assert_int_equal(read_answers(&s, list, 4, &r), 4);
	assert_true(r.end == KTLS_END_NONE && r.respond);
	seam.refused_send = 0;
	seam.refused_send_errno = EAGAIN;
	assert_int_equal(ktls_stream_respond(&s, SEAM_FD), -EAGAIN);
	assert_int_equal(ktls_stream_respond(&s, SEAM_FD), 0);
	assert_int_equal(ktls_stream_respond(&s, SEAM_FD), 0);
	assert_true(seam.sends == 2 && seam.asks == 0);
	assert_int_equal(seam.sent[1].type, KTLS_ALERT);
	assert_memory_equal(seam.sent[1].bytes, "\1\144", 2);
}

/* The same as a client, to which a server says HelloRequest. */
static void test_hello_request(void **state)
{
	static const struct seam_answer list[] = {{4, 22, "\0\0\0\0"}, {4, 23, "text"}};
	struct ktls_session_keys keys = {.role = KTLS_CLIENT,
		.rx = make_key(TLS1_2_VERSION, KTLS_AES_128_GCM, 1),
		.tx = make_key(TLS1_2_VERSION, KTLS_AES_128_GCM, 2)};
	struct ktls_stream s = start(&keys, 1);
	struct ktls_read r;

	(void)state;
	assert_int_equal(read_answers(&s, list, 2, &r), 4);
	assert_true(r.end == KTLS_END_NONE && r.respond);
	assert_int_equal(ktls_stream_respond(&s, SEAM_FD), 0);
	assert_int_equal(seam.sends, 1);
	assert_memory_equal(seam.sent[0].bytes, "\1\144", 2);
}

/* A client's reader gets the tickets, and the text behind them into its own buffer. */
static void test_tickets(void **state)
{
	static const struct seam_answer list[] = {
		{7, 22, "\4\0\0\3one"}, {9, 22, "\4\0\0\5other"}, {5, 22, "\30\0\0\1\0"}, {4, 23, "text"}};
	struct ktls_session_keys keys = make_keys(KTLS_AES_128_GCM);
	struct ktls_stream s;
	struct ktls_read r;

	(void)state;
	keys.role = KTLS_CLIENT;
	s = start(&keys, 1);
	assert_int_equal(read_answers(&s, list, 4, &r), 4);
	assert_int_equal(r.end, KTLS_END_NONE);
	assert_int_equal(r.ticket_len, 16);
	assert_memory_equal(r.ticket, "\4\0\0\3one\4\0\0\5other", 16);
	assert_int_equal(seam.asks, 1); /* of the new key */
}

/* Two debts, of which the second has to wait: the first is not paid twice. */
static void test_half_paid(void **state)
{
	struct ktls_session_keys keys = make_keys(KTLS_AES_128_GCM);
	struct ktls_stream s = start(&keys, 1);

	(void)state;
	s.owes = KTLS_OWES_KEY_UPDATE | KTLS_OWES_NO_RENEGOTIATION;
	seam.refused_send = 1;
	seam.refused_send_errno = EAGAIN;
	assert_int_equal(ktls_stream_respond(&s, SEAM_FD), -EAGAIN);
	assert_int_equal(s.owes, KTLS_OWES_NO_RENEGOTIATION);
	assert_int_equal(ktls_stream_respond(&s, SEAM_FD), 0);
	assert_true(seam.sends == 3 && seam.asks == 1 && !s.owes);
	assert_true(seam.sent[0].type == KTLS_HANDSHAKE && seam.sent[2].type == KTLS_ALERT);
}

/* Content or an alert in the middle of a message, as in user space. */
static void test_interrupted(void **state)
{
	static const struct seam_answer lists[][2] = {{{2, 22, "\30\0"}, {4, 23, "text"}},
		{{4, 22, "\30\0\0\1"}, {2, 21, "\1\0"}}, {{4, 22, "\30\0\0\1"}, {1, 20, "\1"}}};

	(void)state;
	for (unsigned i = 0; i < COUNT(lists); i++) {
		struct ktls_session_keys keys = make_keys(KTLS_AES_128_GCM);
		struct ktls_stream s = start(&keys, 1);
		struct ktls_read r;

		assert_int_equal(read_answers(&s, lists[i], 2, &r), 0);
		assert_true(r.end == KTLS_END_ERROR && r.error == -EPROTO && r.owed);
		assert_int_equal(r.alert, KTLS_UNEXPECTED_MESSAGE);
	}
}

/* Over several reads: as many idle records as may be, then one too many. */
static void test_idle_records(void **state)
{
	struct seam_answer list[KTLS_IDLE_RECORDS_MAX + 1];
	struct ktls_session_keys keys = make_keys(KTLS_AES_128_GCM);
	struct ktls_stream s = start(&keys, 1);
	struct ktls_read r;
	char buf[64];

	(void)state;
	for (unsigned i = 0; i < COUNT(list); i++)
		list[i] = (struct seam_answer){2, 21, "\1\132"};
	seam_script(list, COUNT(list));
	do
		assert_int_equal(ktls_stream_read(&s, SEAM_FD, buf, sizeof(buf), NULL, &r), 0);
	while (r.end == KTLS_END_NONE);
	assert_true(r.end == KTLS_END_ERROR && r.error == -EDQUOT && r.owed);
	assert_int_equal(r.alert, KTLS_UNEXPECTED_MESSAGE);
	assert_int_equal(seam.answers_given, COUNT(list));
}

static uint64_t soft_limit(enum ktls_aead aead)
{
	static const uint64_t limits[KTLS_AEADS] = {
		KTLS_GCM_SOFT_LIMIT, KTLS_GCM_SOFT_LIMIT, UINT64_MAX / 2, KTLS_CCM_SOFT_LIMIT};

	return limits[aead];
}

/* What writes pass by us is counted, rather too many than too few. */
static void test_count_write(void **state)
{
	static const struct {
		size_t len;
		unsigned least;
	} writes[] = {{0, 0}, {1, 1}, {16384, 1}, {16385, 2}, {32768, 2}, {1000000, 62}};

	(void)state;
	for (unsigned i = 0; i < COUNT(writes); i++) {
		struct ktls_session_keys keys = make_keys(KTLS_AES_128_GCM);
		struct ktls_stream s = start(&keys, 1);

		assert_int_equal(ktls_stream_count_write(&s, writes[i].len), 0);
		assert_true(s.tx.seq >= keys.tx.seq + writes[i].least);
		assert_true(s.tx.seq <= keys.tx.seq + writes[i].least + 1);
		assert_int_equal(s.owes, 0);
	}
}

static void test_limits(void **state)
{
	(void)state;
	for (int aead = 0; aead < KTLS_AEADS; aead++)
		for (int can_rekey = 0; can_rekey < 2; can_rekey++) {
			struct ktls_session_keys keys = make_keys(aead);
			struct ktls_stream s = start(&keys, can_rekey);

			s.tx.seq = soft_limit(aead) - 2;
			assert_int_equal(ktls_stream_count_write(&s, 1), 0);
			assert_int_equal(s.owes, 0);
			assert_int_equal(ktls_stream_count_write(&s, 1), 0);
			assert_int_equal(s.owes, can_rekey ? KTLS_OWES_KEY_UPDATE : 0);
			assert_int_equal(ktls_stream_respond(&s, SEAM_FD), 0);
			assert_int_equal(seam.asks, can_rekey);
			if (can_rekey)
				assert_true(s.tx.seq == 0);
			s.tx.seq = 2 * soft_limit(aead) - 2;
			assert_int_equal(ktls_stream_count_write(&s, 1), 0);
			assert_int_equal(ktls_stream_count_write(&s, 1), -EOVERFLOW);
			assert_int_equal(ktls_stream_count_write(&s, 1), -EOVERFLOW);
		}
}

/* Never a receiving key without a sending one, whichever step fails. */
static void test_install_order(void **state)
{
	(void)state;
	for (int aead = 0; aead < KTLS_AEADS; aead++)
		for (int refused = 0; refused < 3; refused++) {
			struct ktls_session_keys keys = make_keys(aead);
			unsigned tx = 0, rx = 0;
			int rc;

			seam_open();
			seam.refused_ask = refused;
			seam.refused_errno = ENOMEM;
			rc = ktls_kernel_install(SEAM_FD, &keys.tx, &keys.rx, 0);
			assert_int_equal(rc, refused < 2 ? -ENOMEM : 1);
			for (unsigned i = 0; i < seam.asks; i++) {
				tx += seam.asked[i].level == SOL_TLS && seam.asked[i].name == TLS_TX &&
				      (int)i != refused;
				rx += seam.asked[i].level == SOL_TLS && seam.asked[i].name == TLS_RX;
				assert_true(tx >= rx);
			}
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_cannot_rekey, seam_close),
		cmocka_unit_test_teardown(test_follows, seam_close),
		cmocka_unit_test_teardown(test_answers, seam_close),
		cmocka_unit_test_teardown(test_refused_rx, seam_close),
		cmocka_unit_test_teardown(test_refused_tx, seam_close),
		cmocka_unit_test_teardown(test_renegotiation, seam_close),
		cmocka_unit_test_teardown(test_hello_request, seam_close),
		cmocka_unit_test_teardown(test_tickets, seam_close),
		cmocka_unit_test_teardown(test_half_paid, seam_close),
		cmocka_unit_test_teardown(test_interrupted, seam_close),
		cmocka_unit_test_teardown(test_idle_records, seam_close),
		cmocka_unit_test_teardown(test_count_write, seam_close),
		cmocka_unit_test_teardown(test_limits, seam_close),
		cmocka_unit_test_teardown(test_install_order, seam_close),
	};

	return cmocka_run_group_tests_name("kernel_rekey", tests, NULL, NULL);
}
