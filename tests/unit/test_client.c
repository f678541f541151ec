/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handshakes as client that succeed, against OpenSSL's server. */
#include "client.h"
#include "connection.h"
#include "scenario.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

static struct identity ca, known;

static int make_identities(void **state)
{
	ca = make_identity("EC", "authority", NULL);
	known = make_identity("EC", "known", &ca);
	return scenario_prepare(state);
}

static int free_identities(void **state)
{
	free_identity(&ca);
	free_identity(&known);
	return scenario_clean_up(state);
}

static SSL_CTX *our_context(const struct scenario *s)
{
	return our_client_context(s->version, s->suite, KTLS_VERIFY_NONE);
}

static void check_keys(const struct ktls_key *k, const struct scenario *s)
{
	/* TLS 1.2 spent number 0 on Finished; the traffic keys of TLS 1.3 are still new to a client. */
	scenario_check_key(s, k, s->version == TLS1_2_VERSION ? 1 : 0);
}

static void check_suite(const struct scenario *s, size_t piece)
{
	SSL_CTX *ours = our_context(s), *server = peer_server_context(s->id);
	struct ktls_session_keys keys;
	struct client c;

	client_open(&c, ours, server);
	c.piece = piece;
	client_establish(&c, &keys);
	check_keys(&keys.rx, s);
	check_keys(&keys.tx, s);
	assert_int_equal(keys.rx_secret.len, s->version == TLS1_2_VERSION  ? 0
					     : s->aead == KTLS_AES_256_GCM ? 48
									   : 32);
	assert_int_equal(keys.tx_secret.len, keys.rx_secret.len);
	assert_int_equal(client_take_tickets(&c, &keys), s->version == TLS1_2_VERSION ? 0 : 2);
	talk_with(c.server, &keys);
	client_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
}

static void test_every_suite(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SCENARIOS; i++) {
		check_suite(&scenarios[i], 0);
		check_suite(&scenarios[i], 1);
		check_suite(&scenarios[i], 7);
	}
}

/* RFC 5288 3: a nonce must not come twice under one key, and OpenSSL has spent one on our Finished. */
static void test_explicit_nonce_goes_on(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SCENARIOS; i++) {
		SSL_CTX *ours = our_context(&scenarios[i]), *server = peer_server_context(scenarios[i].id);
		struct ktls_session_keys keys;
		struct client c;
		uint8_t nonce[KTLS_EXPLICIT_LEN];

		client_open(&c, ours, server);
		client_establish(&c, &keys);
		if (ktls_key_has_explicit_nonce(&keys.tx)) {
			ktls_key_explicit_nonce(&keys.tx, nonce);
			assert_true(ktls_get_be64(nonce) == ktls_get_be64(c.finished_nonce) + 1);
		}
		client_close(&c);
		SSL_CTX_free(ours);
		SSL_CTX_free(server);
	}
}

/* Bytes behind the server's last handshake record, whatever they are, stay where they are. */
static void check_left_over(const struct scenario *s, size_t piece)
{
	SSL_CTX *ours = our_context(s), *server = peer_server_context(s->id);
	struct ktls_session_keys keys;
	struct client c;
	uint8_t more[100], left[200];

	fill(more, sizeof(more), 1);
	client_open(&c, ours, server);
	c.piece = piece;
	client_server_turn(&c);
	if (s->version == TLS1_2_VERSION) {
		client_turn(&c);
		assert_int_equal(client_server_turn(&c), 1);
		assert_int_equal(SSL_write(c.server, "text", 4), 4);
	}
	/* In TLS 1.3 the first flight is all of the server's handshake: there may be content behind it. */
	assert_int_equal(BIO_write(SSL_get_wbio(c.server), more, sizeof(more)), sizeof(more));
	client_turn(&c);
	assert_int_equal(ktls_handshake_want(c.ours), 0);
	assert_int_equal(ktls_handshake_keys(c.ours, &keys), 0);
	if (s->version == TLS1_2_VERSION) {
		struct ktls_plain plain;
		size_t len = KTLS_HEADER_LEN + 4 + KTLS_TAG_LEN +
			     (ktls_key_has_explicit_nonce(&keys.rx) ? KTLS_EXPLICIT_LEN : 0);

		client_left_over(&c, left, len);
		assert_int_equal(ktls_record_open(&keys.rx, left, len, &plain), 0);
		assert_memory_equal(plain.data, "text", 4);
	}
	assert_int_equal(client_left_over(&c, left, sizeof(left)), sizeof(more));
	assert_memory_equal(left, more, sizeof(more));
	assert_int_equal(client_server_turn(&c), 1);
	client_take_tickets(&c, &keys);
	talk_with(c.server, &keys);
	client_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
}

static void test_nothing_behind_the_handshake_is_taken(void **state)
{
	static const size_t pieces[] = {0, 1, 3, 100};

	(void)state;
	for (unsigned i = 0; i < SCENARIOS; i++)
		for (unsigned p = 0; p < COUNT(pieces); p++)
			check_left_over(&scenarios[i], pieces[p]);
}

static void check_resumption(const struct scenario *s)
{
	SSL_CTX *ours = our_context(s), *server = peer_server_context(s->id);
	SSL_SESSION *session = NULL;
	struct ktls_session_keys keys;
	struct client c;

	for (size_t round = 0; round < 3; round++) {
		client_open(&c, ours, server);
		c.piece = round;
		if (session)
			assert_int_equal(SSL_set_session(ktls_handshake_ssl(c.ours), session), 1);
		client_establish(&c, &keys);
		assert_int_equal(SSL_session_reused(c.server), round > 0);
		assert_int_equal(SSL_session_reused(ktls_handshake_ssl(c.ours)), round > 0);
		check_keys(&keys.rx, s);
		check_keys(&keys.tx, s);
		if (!session) {
			session = client_take_session(&c);
			assert_true(session && SSL_SESSION_is_resumable(session));
		} else {
			client_take_tickets(&c, &keys);
			talk_with(c.server, &keys);
		}
		client_close(&c);
	}
	SSL_SESSION_free(session);
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
}

static void test_resumption(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SCENARIOS; i++)
		check_resumption(&scenarios[i]);
}

/* The server wants to know who we are: with a certificate or, where it takes that, without. */
static void check_certificate(const struct scenario *s, const struct identity *id)
{
	SSL_CTX *ours = our_context(s), *server = peer_server_context(s->id);
	struct ktls_session_keys keys;
	struct client c;

	SSL_CTX_set_verify(
		server, id ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER, NULL);
	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(server), ca.cert), 1);
	if (id)
		use_identity(ours, id);
	for (size_t piece = 0; piece < 3; piece++) {
		client_open(&c, ours, server);
		c.piece = piece;
		client_establish(&c, &keys);
		if (id)
			assert_int_equal(X509_cmp(SSL_get0_peer_certificate(c.server), id->cert), 0);
		else
			assert_null(SSL_get0_peer_certificate(c.server));
		check_keys(&keys.tx, s);
		client_take_tickets(&c, &keys);
		talk_with(c.server, &keys);
		client_close(&c);
	}
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
}

static void test_client_certificates(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SCENARIOS; i++) {
		check_certificate(&scenarios[i], &known);
		check_certificate(&scenarios[i], NULL);
	}
}

static void test_hello_retry_request(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SCENARIOS; i++)
		for (size_t piece = 0; piece < 2 && scenarios[i].version == TLS1_3_VERSION; piece++) {
			SSL_CTX *ours = our_context(&scenarios[i]);
			SSL_CTX *server = peer_server_context(scenarios[i].id);
			struct ktls_session_keys keys;
			struct client c;

			assert_int_equal(SSL_CTX_set1_groups_list(server, "P-256"), 1);
			assert_int_equal(SSL_CTX_set1_groups_list(ours, "X25519:P-256"), 1);
			client_open(&c, ours, server);
			c.piece = piece;
			client_establish(&c, &keys);
			assert_int_equal(c.retries, 1);
			check_keys(&keys.rx, &scenarios[i]);
			check_keys(&keys.tx, &scenarios[i]);
			client_take_tickets(&c, &keys);
			talk_with(c.server, &keys);
			client_close(&c);
			SSL_CTX_free(ours);
			SSL_CTX_free(server);
		}
}

/* A suite of OpenSSL's own: no keys of ours, but the SSL object goes on where the handshake ended. */
static void test_taken_ssl(void **state)
{
	SSL_CTX *ours = our_client_context(TLS1_2_VERSION, "AES128-SHA", KTLS_VERIFY_NONE);
	SSL_CTX *server = peer_server_context(&scenario_rsa);
	struct ktls_session_keys keys;
	struct client c;
	uint8_t wire[200];
	size_t len;
	SSL *ssl;

	(void)state;
	client_open(&c, ours, server);
	assert_int_equal(client_run(&c), KTLS_HANDSHAKE_DONE);
	assert_int_equal(ktls_handshake_keys(c.ours, &keys), -EOPNOTSUPP);
	assert_zero(&keys, sizeof(keys));
	ssl = ktls_handshake_take_ssl(c.ours);
	ktls_handshake_free(c.ours);
	c.ours = NULL;
	assert_int_equal(SSL_write(c.server, "text", 4), 4);
	len = client_left_over(&c, wire, sizeof(wire));
	assert_int_equal(BIO_write(SSL_get_rbio(ssl), wire, (int)len), len);
	assert_int_equal(SSL_read(ssl, wire, sizeof(wire)), 4);
	assert_memory_equal(wire, "text", 4);
	assert_int_equal(SSL_write(ssl, "answer", 6), 6);
	len = (size_t)BIO_read(SSL_get_wbio(ssl), wire, sizeof(wire));
	assert_int_equal(BIO_write(SSL_get_rbio(c.server), wire, (int)len), len);
	assert_int_equal(SSL_read(c.server, wire, sizeof(wire)), 6);
	SSL_free(ssl);
	client_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_suite),
		cmocka_unit_test(test_explicit_nonce_goes_on),
		cmocka_unit_test(test_nothing_behind_the_handshake_is_taken),
		cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_client_certificates),
		cmocka_unit_test(test_hello_retry_request),
		cmocka_unit_test(test_taken_ssl),
	};

	return cmocka_run_group_tests_name("client", tests, make_identities, free_identities);
}
