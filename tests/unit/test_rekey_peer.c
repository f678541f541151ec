/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Key changes and refused renegotiations, as OpenSSL at the other end sees them. */
#include "peer.h"

#include <openssl/err.h>
#include <string.h>

static struct identity id;

static int make_identities(void **state)
{
	(void)state;
	id = make_identity("EC", "server", NULL);
	return 0;
}

static int free_identities(void **state)
{
	(void)state;
	free_identity(&id);
	return 0;
}

static void for_each_kind(void (*check)(struct peer *p))
{
	static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
		"TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256"};

	for (unsigned i = 0; i < COUNT(suites); i++)
		for (int role = KTLS_SERVER; role <= KTLS_CLIENT; role++) {
			struct peer p;

			peer_open(&p, (enum ktls_role)role, &id, TLS1_3_VERSION, suites[i]);
			check(&p);
			peer_close(&p);
		}
}

static void check_tickets(struct peer *p)
{
	struct ktls_read r;

	peer_says(p, "", &r); /* as a client: two tickets */
	assert_true(p->stream.rx.seq == (p->stream.role == KTLS_CLIENT ? 2 : 0));
	peer_says(p, "text", &r);
	peer_hears(p, "answer");
}

static void test_tickets(void **state)
{
	(void)state;
	for_each_kind(check_tickets);
}

static void check_not_requested(struct peer *p)
{
	struct ktls_read r;

	for (unsigned i = 0; i < 5; i++) {
		struct ktls_key rx = p->stream.rx;

		peer_updates(p, SSL_KEY_UPDATE_NOT_REQUESTED);
		peer_says(p, "new key", &r);
		assert_memory_not_equal(p->stream.rx.key, rx.key, 16);
		assert_true(p->stream.rx.seq == 1 && !r.respond);
		peer_hears(p, "same key");
		assert_int_equal(p->updates, 0);
	}
}

static void test_not_requested(void **state)
{
	(void)state;
	for_each_kind(check_not_requested);
}

static void check_requested(struct peer *p)
{
	struct ktls_read r;

	for (unsigned i = 0; i < 6; i++) {
		peer_updates(p, SSL_KEY_UPDATE_REQUESTED);
		peer_says(p, i % 3 ? "text" : "", &r);
		assert_true(r.respond);
		assert_int_equal(p->updates, i);
		if (i % 2)
			assert_int_equal(ktls_stream_respond(&p->stream, p->ours), 0);
		peer_hears(p, "answer");
		assert_int_equal(p->updates, i + 1);
		assert_true(p->stream.tx.seq == 1 && !p->stream.owes);
		peer_hears(p, "more");
		peer_says(p, "and back", &r);
		assert_false(r.respond);
	}
}

static void test_requested(void **state)
{
	(void)state;
	for_each_kind(check_requested);
}

/* Both sides at once: the messages cross, and each side changes each key once. */
static void check_crossing(struct peer *p)
{
	struct ktls_read r;

	for (unsigned i = 0; i < 3; i++) {
		p->stream.owes |= KTLS_OWES_KEY_UPDATE; /* as at the limit of our key */
		peer_updates(p, SSL_KEY_UPDATE_REQUESTED);
		peer_hears(p, "crossing");
		peer_says(p, "text", &r);
		assert_true(r.respond); /* ours was no answer to that request */
		peer_hears(p, "answer");
		assert_int_equal(p->updates, 2 * (i + 1));
		peer_says(p, "more", &r);
		peer_hears(p, "more");
	}
}

static void test_crossing(void **state)
{
	(void)state;
	for_each_kind(check_crossing);
}

/* With the limit and its own answer in one debt there is one KeyUpdate only. */
static void check_goodbye(struct peer *p)
{
	struct ktls_read r;
	char byte;

	peer_updates(p, SSL_KEY_UPDATE_REQUESTED);
	peer_says(p, "", &r);
	p->stream.owes |= KTLS_OWES_KEY_UPDATE;
	assert_int_equal(ktls_stream_respond(&p->stream, p->ours), 0);
	assert_int_equal(ktls_stream_send_alert(&p->stream, p->ours, KTLS_CLOSE_NOTIFY), 0);
	assert_int_equal(SSL_read(p->ssl, &byte, 1), 0);
	assert_int_equal(SSL_get_error(p->ssl, 0), SSL_ERROR_ZERO_RETURN);
	assert_int_equal(p->updates, 1);
	assert_int_equal(p->last_alert, KTLS_CLOSE_NOTIFY);
	assert_int_equal(SSL_shutdown(p->ssl), 1);
	assert_int_equal(ktls_stream_read(&p->stream, p->ours, &byte, 1, &line_memory, &r), 0);
	assert_int_equal(r.end, KTLS_END_CLOSE_NOTIFY);
}

static void test_goodbye(void **state)
{
	(void)state;
	for_each_kind(check_goodbye);
}

/* OpenSSL takes the no for the end of the new handshake; the old connection was never touched. */
static void test_renegotiation(void **state)
{
	static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
		"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-CCM"};

	(void)state;
	for (unsigned i = 0; i < COUNT(suites); i++) {
		struct ktls_read r;
		struct peer p;
		char byte;

		peer_open(&p, KTLS_CLIENT, &id, TLS1_2_VERSION, suites[i]);
		peer_says(&p, "text", &r);
		assert_int_equal(SSL_renegotiate(p.ssl), 1); /* a server sends a HelloRequest */
		assert_int_equal(SSL_do_handshake(p.ssl), 1);
		peer_says(&p, "", &r);
		assert_true(r.respond);
		assert_int_equal(ktls_stream_respond(&p.stream, p.ours), 0);
		assert_true(SSL_read(p.ssl, &byte, 1) <= 0);
		assert_int_equal(p.last_alert, KTLS_NO_RENEGOTIATION);
		assert_false(r.owed);
		peer_close(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_not_requested),
		cmocka_unit_test(test_requested),
		cmocka_unit_test(test_crossing),
		cmocka_unit_test(test_goodbye),
		cmocka_unit_test(test_renegotiation),
	};

	return cmocka_run_group_tests_name("rekey_peer", tests, make_identities, free_identities);
}
