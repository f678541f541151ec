/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Relayed records that no honest client sends, and those between the records of an application. */
#include "relaying.h"

#include "ktls/alert.h"
#include "ktls/bounds.h"
#include "ktls/sys.h"

#include <openssl/err.h>
#include <string.h>

enum {
	PATIENT = 3600, /* seconds: nothing in this file may end by its time */
};

static struct relaying s;
static uint8_t much[300000];
static unsigned calls; /* of recv() */

/* An operation completes while the thread's queue of errors is full of somebody else's. */
struct spoiler {
	struct uring_op op;
	unsigned times;
};

static void spoil(struct uring_op *op, int res)
{
	struct spoiler *sp = (struct spoiler *)op;

	(void)res;
	sp->times++;
	for (int i = 0; i < 20; i++)
		ERR_raise(ERR_LIB_SSL, SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC);
}

static int spoiled(void *arg)
{
	return ((struct spoiler *)arg)->times > 0;
}

static void let_spoil(void)
{
	struct __kernel_timespec at_once = {.tv_nsec = 1};
	struct spoiler sp = {.op.done = spoil};

	assert_int_equal(uring_timeout(s.turns.loop, &sp.op, &at_once), 0);
	relaying_until(&s, spoiled, &sp);
}

static void test_errors_of_others(void **state)
{
	struct talk *t = relaying_begin(&s, PATIENT, 0);

	(void)state;
	/* A piece of a record, the rest of it, and the other way. */
	let_spoil();
	talk_say(t, "up", 2);
	t->piece = 10;
	talk_pass(t);
	relaying_go_on(&s);
	assert_int_equal(ERR_peek_error(), 0);
	let_spoil();
	t->piece = 0;
	talk_server_expect(&s, t, "up", 2);
	let_spoil();
	assert_int_equal(talk_server_say(t, "down", 4), 4);
	talk_client_expect(&s, t, "down", 4);
	let_spoil();
	talk_close_server(t);
	talk_client_expect_end(&s, t);
	assert_int_equal(t->notified, 1);
	talk_close_client(t);
	relaying_expect_end(&s, t, NULL);
	relaying_close(&s);
}

static void test_errors_of_its_own(void **state)
{
	struct talk *t = relaying_begin(&s, PATIENT, 0), *bad = relaying_connect(&s, contexts.client);

	(void)state;
	assert_int_equal(send(bad->client, "GET / HTTP/1.1\r\n\r\n", 18, MSG_DONTWAIT), 18);
	relaying_expect_end(&s, bad, "its record cannot be read (wrong version number)");
	assert_int_equal(ERR_peek_error(), 0);
	talk_exchange(&s, t, 1000, 1000);
	relaying_close(&s);
}

/* Records as no OpenSSL client makes them; a suite whose keys the test can have stands in. */
static void test_renegotiation_is_refused(void **state)
{
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, contexts.open_client);
	for (int i = 0; i < 20; i++) {
		talk_ask_to_renegotiate(t);
		talk_record(t, KTLS_APPLICATION_DATA, "still here", 10);
		talk_expect_record(&s, t, KTLS_ALERT, "\1\144", 2);
		talk_server_expect(&s, t, "still here", 10);
		assert_int_equal(talk_server_say(t, "so am I", 7), 7);
		talk_expect_record(&s, t, KTLS_APPLICATION_DATA, "so am I", 7);
	}
	relaying_close(&s);
}

static const char flood[] = "too many key changes or records without content";

/* As many wishes in a row as in the other homes; content between them begins the count anew. */
static void test_too_many_renegotiations(void **state)
{
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, contexts.open_client);
	for (int round = 0; round < 3; round++) {
		talk_record(t, KTLS_APPLICATION_DATA, "text", 4);
		for (int i = 0; i < KTLS_IDLE_RECORDS_MAX; i++)
			talk_ask_to_renegotiate(t);
		talk_server_expect(&s, t, "text", 4);
		for (int i = 0; i < KTLS_IDLE_RECORDS_MAX; i++)
			talk_expect_record(&s, t, KTLS_ALERT, "\1\144", 2);
	}
	relaying_quiet(&s, 20);
	assert_int_equal(t->ended, 0);
	talk_ask_to_renegotiate(t);
	talk_record(t, KTLS_APPLICATION_DATA, "never heard", 11);
	talk_expect_record(&s, t, KTLS_ALERT, "\2\12", 2);
	talk_server_expect_end(&s, t);
	talk_close_client(t);
	relaying_expect_end(&s, t, flood);
	relaying_close(&s);
}

/* In one piece, as a flood comes: no more of them are answered. */
static void test_flood_of_renegotiations(void **state)
{
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, contexts.open_client);
	for (int i = 0; i < 3000; i++)
		talk_ask_to_renegotiate(t);
	for (int i = 0; i < KTLS_IDLE_RECORDS_MAX; i++)
		talk_expect_record(&s, t, KTLS_ALERT, "\1\144", 2);
	talk_expect_record(&s, t, KTLS_ALERT, "\2\12", 2);
	talk_server_expect_end(&s, t);
	talk_close_client(t);
	relaying_expect_end(&s, t, flood);
	relaying_close(&s);
}

static void say_nothing(struct talk *t, char kind)
{
	if (kind == 'e')
		talk_record(t, KTLS_APPLICATION_DATA, "", 0);
	else if (kind == 'w')
		talk_record(t, KTLS_ALERT, "\1\132", 2); /* user_canceled */
	else
		talk_ask_to_renegotiate(t);
}

/* Of one kind and of several; the last OpenSSL would take for ever. */
static void test_too_many_records_without_content(void **state)
{
	static const struct {
		const char *kinds; /* empty records, warnings, renegotiations */
		unsigned count, refused;
		const char *alert;
	} cases[] = {{"e", 40, 0, "\2\12"}, {"w", 40, 0, "\2\12"}, {"ew", 40, 0, "\2\12"},
		{"er", 40, KTLS_IDLE_RECORDS_MAX / 2, "\2\12"},
		{"wwwwr", KTLS_IDLE_RECORDS_MAX + 2, KTLS_IDLE_RECORDS_MAX / 5, "\1\0"}};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct talk *t;

		relaying_open(&s, PATIENT);
		t = relaying_connect(&s, contexts.open_client);
		for (unsigned n = 0; n < cases[i].count; n++)
			say_nothing(t, cases[i].kinds[n % strlen(cases[i].kinds)]);
		for (unsigned n = 0; n < cases[i].refused; n++)
			talk_expect_record(&s, t, KTLS_ALERT, "\1\144", 2);
		talk_expect_record(&s, t, KTLS_ALERT, cases[i].alert, 2);
		talk_server_expect_end(&s, t);
		talk_close_client(t);
		relaying_expect_end(&s, t, flood);
		relaying_close(&s);
	}
}

/* The wish of a real client. It takes the refusal for the end of the connection; the relay does not. */
static void test_renegotiation_of_openssl(void **state)
{
	struct talk *t;
	char byte;

	(void)state;
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, contexts.client);
	talk_exchange(&s, t, 100, 100);
	assert_int_equal(SSL_renegotiate(t->tls.client), 1);
	assert_int_equal(connection_client_turn(&t->tls), 0);
	assert_true(talk_pass(t) > 0);
	relaying_go_on(&s);
	assert_int_equal(t->ended, 0);
	assert_int_equal(talk_hear(t, &byte, 1), 0);
	assert_int_equal(t->tls.client_alert, KTLS_NO_RENEGOTIATION);
	talk_pass(t);
	relaying_expect_end(&s, t, "alert handshake_failure received");
	relaying_close(&s);
}

/* Records without content, and warnings that call for nothing. */
static void test_records_without_content(void **state)
{
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, contexts.open_client);
	for (int i = 0; i < 20; i++) {
		talk_record(t, KTLS_APPLICATION_DATA, "", 0);
		talk_record(t, KTLS_APPLICATION_DATA, "text", 4);
	}
	talk_record(t, KTLS_ALERT, "\1\132", 2); /* user_canceled */
	for (int i = 0; i < KTLS_IDLE_RECORDS_MAX - 1; i++)
		talk_record(t, KTLS_APPLICATION_DATA, "", 0);
	for (int i = 0; i < 20; i++)
		talk_server_expect(&s, t, "text", 4);
	relaying_quiet(&s, 50);
	assert_int_equal(t->ended, 0);
	relaying_close(&s);
}

static int counted_fd;

static ssize_t counting_recv(int fd, void *buf, size_t len, int flags)
{
	calls += fd == counted_fd;
	return recv(fd, buf, len, flags);
}

static unsigned most_calls_a_turn(void)
{
	unsigned most = 0;

	for (int i = 0; i < 200; i++) {
		calls = 0;
		assert_int_equal(uring_turn(s.turns.loop), 0);
		most = calls > most ? calls : most;
	}
	return most;
}

/* However much is there, a turn takes a part of it; also of what OpenSSL deals with on its own. */
static void test_fair(void **state)
{
	(void)state;
	relaying_open(&s, PATIENT);
	s.sndbuf = 200000; /* the kernel makes it twice as much */
	for (int i = 0; i < 3; i++) {
		struct talk *t = relaying_connect(&s, contexts.open_client);

		for (int n = 0; n < 300 && i == 0; n++)
			talk_say(t, much, 100);
		for (int n = 0; n < 300 && i == 1; n++) {
			talk_ask_to_renegotiate(t);
			if (n % KTLS_IDLE_RECORDS_MAX == 0)
				talk_record(t, KTLS_APPLICATION_DATA, "x", 1);
		}
		if (i == 2)
			assert_int_equal(talk_server_say(t, much, sizeof(much)), sizeof(much));
		talk_pass(t);
		calls = 0;
		counted_fd = i < 2 ? t->relay_fd : t->relay_plain;
		ktls_sys.recv = counting_recv;
		assert_in_range(most_calls_a_turn(), 2, 4);
		ktls_sys.recv = recv;
	}
	relaying_close(&s);
}

/* What TLS 1.3 says between the records of an application stays between the peers. */
static void test_key_update(void **state)
{
	SSL_CTX *client_13 = client_context(TLS1_3_VERSION, NULL);
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, client_13);
	for (int i = 0; i < 5; i++) {
		talk_exchange(&s, t, 1000, 1000);
		assert_int_equal(SSL_key_update(t->tls.client, SSL_KEY_UPDATE_REQUESTED), 1);
	}
	relaying_close(&s);
	SSL_CTX_free(client_13);
}

/* With content between them. */
static void test_too_many_key_updates(void **state)
{
	SSL_CTX *client_13 = client_context(TLS1_3_VERSION, NULL);
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, client_13);
	for (int i = 0; i <= KTLS_KEY_UPDATES_MAX; i++) {
		talk_exchange(&s, t, 100, 100);
		assert_int_equal(t->ended, 0);
		assert_int_equal(SSL_key_update(t->tls.client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
	}
	talk_say(t, "text", 4);
	talk_pass_all(&s, t);
	talk_client_expect_end(&s, t);
	assert_int_equal(t->notified, 1);
	talk_close_client(t);
	relaying_expect_end(&s, t, flood);
	relaying_close(&s);
	SSL_CTX_free(client_13);
}

/* Any byte of a record may be forged, or the last record may come again. */
static void test_forged(void **state)
{
	static const size_t offsets[] = {5, 30, 900, 1000, SIZE_MAX};

	(void)state;
	for (unsigned i = 0; i < COUNT(offsets); i++) {
		struct talk *t = relaying_begin(&s, PATIENT, 0);
		BIO *out = SSL_get_wbio(t->tls.client);
		char *data;
		uint8_t copy[100];
		int len;

		assert_int_equal(talk_server_say(t, much, 2000), 2000);
		relaying_go_on(&s);
		talk_say(t, "good", 4);
		len = (int)BIO_get_mem_data(out, &data);
		assert_true(len > 0 && (size_t)len < sizeof(copy));
		memcpy(copy, data, (size_t)len);
		talk_pass_all(&s, t);
		if (offsets[i] == SIZE_MAX) {
			assert_int_equal(BIO_write(out, copy, len), len);
		} else {
			talk_say(t, much, 1000);
			assert_true(BIO_get_mem_data(out, &data) > (long)offsets[i]);
			data[offsets[i]] ^= 1;
		}
		talk_say(t, "never heard", 11);
		talk_pass_all(&s, t);
		talk_server_expect(&s, t, "good", 4);
		talk_server_expect_end(&s, t);
		relaying_expect_end(&s, t, "its record cannot be read (decryption failed or bad record mac)");
		talk_client_expect(&s, t, much, 2000);
		talk_client_expect_end(&s, t);
		assert_int_equal(t->tls.client_alert, 20);
		assert_int_equal(t->error, 0); /* no reset, whatever was not read */
		relaying_close(&s);
	}
}

static void test_no_record(void **state)
{
	int is_old = OpenSSL_version_num() < 0x30200000L;
	const struct {
		const char *hex;
		int alert;
		const char *reason;
	} cases[] = {
		{"4745540d0a", 70, "its record cannot be read (wrong version number)"},
		{"1703014001", 70, "its record cannot be read (wrong version number)"},
		{"170303ffff", 22,
			is_old ? "its record cannot be read (packet length too long)"
			       : "its record cannot be read (encrypted length too long)"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct talk *t = relaying_begin(&s, PATIENT, 0);
		uint8_t bytes[16];
		size_t len = unhex(cases[i].hex, bytes, sizeof(bytes));

		assert_int_equal(send(t->client, bytes, len, MSG_DONTWAIT), len);
		relaying_expect_end(&s, t, cases[i].reason);
		talk_server_expect_end(&s, t);
		talk_client_expect_end(&s, t);
		assert_int_equal(t->tls.client_alert, cases[i].alert);
		relaying_close(&s);
	}
}

static void test_alerts(void **state)
{
	static const struct {
		uint8_t alert;
		const char *reason;
	} cases[] = {
		{42, "alert bad_certificate received"},
		{20, "alert bad_record_mac received"},
		{80, "alert internal_error received"},
		{250, "alert unknown alert received"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		uint8_t alert[] = {2, cases[i].alert};
		struct talk *t;

		relaying_open(&s, PATIENT);
		t = relaying_connect(&s, contexts.open_client);
		talk_record(t, KTLS_APPLICATION_DATA, "last words", 10);
		talk_record(t, KTLS_ALERT, alert, sizeof(alert));
		talk_server_expect(&s, t, "last words", 10);
		talk_server_expect_end(&s, t);
		relaying_expect_end(&s, t, cases[i].reason);
		relaying_close(&s);
	}
}

/* Handshake messages that nobody has any business to send. */
static void test_unexpected(void **state)
{
	struct talk *t;

	(void)state;
	relaying_open(&s, PATIENT);
	t = relaying_connect(&s, contexts.open_client);
	talk_record(t, KTLS_HANDSHAKE, "\24\0\0\14finished....", 16);
	talk_pass(t);
	relaying_expect_end(&s, t, "its record cannot be read (unexpected message)");
	talk_expect_record(&s, t, KTLS_ALERT, "\2\12", 2);
	relaying_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors_of_others),
		cmocka_unit_test(test_errors_of_its_own),
		cmocka_unit_test(test_renegotiation_is_refused),
		cmocka_unit_test(test_too_many_renegotiations),
		cmocka_unit_test(test_flood_of_renegotiations),
		cmocka_unit_test(test_renegotiation_of_openssl),
		cmocka_unit_test(test_too_many_records_without_content),
		cmocka_unit_test(test_records_without_content),
		cmocka_unit_test(test_fair),
		cmocka_unit_test(test_key_update),
		cmocka_unit_test(test_too_many_key_updates),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_no_record),
		cmocka_unit_test(test_alerts),
		cmocka_unit_test(test_unexpected),
	};

	fill(much, sizeof(much), 3);
	return cmocka_run_group_tests_name(
		"relay_tls", tests, relaying_make_contexts, relaying_free_contexts);
}
