/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Client certificates: who is let in by which mode, and what the others are told. */
#include "connection.h"
#include "people.h"

#include <openssl/x509_vfy.h>
#include <string.h>

enum {
	NO_ALERT = -1,
	HANDSHAKE_FAILURE = 40, /* TLS 1.2 has no better word for a missing certificate */
	UNKNOWN_CA = 48,
	CERTIFICATE_REQUIRED = 116,
};

struct attempt {
	enum ktls_verify mode;
	const struct identity *id; /* what the client has to show, or NULL */
	int alert_12, alert_13;    /* NO_ALERT: it is let in */
	int seen;                  /* the server has its certificate afterwards */
	int verified;              /* and its verification succeeded */
};

static const struct attempt attempts[] = {
	{KTLS_VERIFY_NONE, NULL, NO_ALERT, NO_ALERT, 0, 1},
	{KTLS_VERIFY_NONE, &people.known, NO_ALERT, NO_ALERT, 0, 1},
	{KTLS_VERIFY_REQUEST, NULL, NO_ALERT, NO_ALERT, 0, 1},
	{KTLS_VERIFY_REQUEST, &people.known, NO_ALERT, NO_ALERT, 1, 1},
	{KTLS_VERIFY_REQUEST, &people.stranger, NO_ALERT, NO_ALERT, 1, 0},
	{KTLS_VERIFY_OPTIONAL, NULL, NO_ALERT, NO_ALERT, 0, 1},
	{KTLS_VERIFY_OPTIONAL, &people.known, NO_ALERT, NO_ALERT, 1, 1},
	{KTLS_VERIFY_OPTIONAL, &people.stranger, UNKNOWN_CA, UNKNOWN_CA, 0, 0},
	{KTLS_VERIFY_REQUIRE, NULL, HANDSHAKE_FAILURE, CERTIFICATE_REQUIRED, 0, 0},
	{KTLS_VERIFY_REQUIRE, &people.known, NO_ALERT, NO_ALERT, 1, 1},
	{KTLS_VERIFY_REQUIRE, &people.stranger, UNKNOWN_CA, UNKNOWN_CA, 0, 0},
};

static void check_let_in(struct connection *c, const struct attempt *a)
{
	struct ktls_session_keys keys;
	SSL *ssl = ktls_handshake_ssl(c->server);
	X509 *cert;

	connection_establish(c, &keys);
	cert = SSL_get0_peer_certificate(ssl);
	assert_int_equal(cert != NULL, a->seen);
	if (cert)
		assert_int_equal(X509_cmp(cert, a->id->cert), 0);
	assert_int_equal(SSL_get_verify_result(ssl) == X509_V_OK, a->verified);
	connection_talk(c, &keys);
}

static void check_refused(struct connection *c, const struct attempt *a, int alert)
{
	struct ktls_session_keys keys;
	const char *error = ktls_handshake_error(c->server);

	assert_int_equal(connection_run(c), KTLS_HANDSHAKE_FAILED);
	connection_hear_alert(c);
	assert_int_equal(c->client_alert, alert);
	assert_non_null(strstr(error, "certificate"));
	if (a->id) /* says what is wrong with it, not only that something is */
		assert_non_null(strstr(error, "the peer's certificate was refused: self"));
	assert_true(ktls_handshake_keys(c->server, &keys) < 0);
	assert_zero(&keys, sizeof(keys));
}

static void try_one(const struct attempt *a, int version, size_t piece)
{
	SSL_CTX *server = server_context(&people.server, a->mode, &people.ca);
	SSL_CTX *client = client_context(version, NULL);
	int alert = version == TLS1_2_VERSION ? a->alert_12 : a->alert_13;
	struct connection c;

	if (a->id)
		use_identity(client, a->id);
	connection_open(&c, server, client);
	c.piece = piece;
	if (alert == NO_ALERT)
		check_let_in(&c, a);
	else
		check_refused(&c, a, alert);
	connection_close(&c);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

static void test_modes_tls12(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(attempts); i++)
		for (size_t piece = 0; piece < 2; piece++)
			try_one(&attempts[i], TLS1_2_VERSION, piece);
}

static void test_modes_tls13(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(attempts); i++)
		for (size_t piece = 0; piece < 2; piece++)
			try_one(&attempts[i], TLS1_3_VERSION, piece);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes_tls12),
		cmocka_unit_test(test_modes_tls13),
	};

	return cmocka_run_group_tests_name("verify", tests, people_prepare, people_clean_up);
}
