/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections that we open and that succeed, against OpenSSL's servers. */
#include "calling.h"
#include "named.h"

#include "ktls/name.h"
#include "ktls/session.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

static struct identity ca, id, known;
static SSL_CTX *theirs;

static int set_up(void **state)
{
	(void)state;
	ca = make_authority("authority", NULL);
	id = make_named("server", "URI:sip:a.example", &ca);
	known = make_named("client", NULL, &ca);
	theirs = peer_server_context(&id);
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	SSL_CTX_free(theirs);
	free_identity(&ca);
	free_identity(&id);
	free_identity(&known);
	return 0;
}

static SSL_CTX *our_context(int version, enum ktls_verify verify)
{
	SSL_CTX *ctx = our_client_context(version, NULL, verify);

	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.cert), 1);
	return ctx;
}

static int ask_for_name(struct calling *c, SSL *ssl)
{
	(void)c;
	assert_int_equal(SSL_set_tlsext_host_name(ssl, "a.example"), 1);
	return ktls_name_require(ssl, "a.example", 0);
}

static void check_success(int version, const struct manners *manners)
{
	SSL_CTX *ours = our_context(version, KTLS_VERIFY_REQUIRE);
	struct calling c;
	struct callee *callee;

	calling_open(&c, ours, theirs);
	c.manners = *manners;
	c.prepare = ask_for_name;
	calling_call(&c);
	assert_int_equal(uring_client_count(c.client), 1);
	calling_expect(&c, 1, 0);
	assert_int_equal(c.calls[0].keys_rc, 0);
	assert_int_equal(c.calls[0].keys.role, KTLS_CLIENT);
	callee = calling_find(&c, &c.calls[0]);
	assert_string_equal(SSL_get_servername(callee->ssl, TLSEXT_NAMETYPE_host_name), "a.example");
	call_talk(&c.calls[0], callee);
	calling_close(&c);
	SSL_CTX_free(ours);
}

static void test_success(void **state)
{
	/* Whatever the server says behind its handshake is left in the socket. */
	static const struct manners manners[] = {
		{.piece = 0},
		{.piece = 1},
		{.piece = 100, .pause_ms = 1},
		{.behind = "a greeting"},
		{.behind = "a greeting", .piece = 13},
	};

	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
		for (unsigned i = 0; i < COUNT(manners); i++)
			check_success(version, &manners[i]);
}

/* A socket that somebody has connected already, in either mode. */
static void test_connected_already(void **state)
{
	SSL_CTX *ours = our_context(TLS1_3_VERSION, KTLS_VERIFY_REQUIRE);
	struct calling c;
	int on = 1, fd;

	(void)state;
	calling_open(&c, ours, theirs);
	calling_start(&c, connect_to(&c.at));
	fd = connect_to(&c.at);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	calling_start(&c, fd);
	calling_expect(&c, 2, 0);
	for (unsigned i = 0; i < 2; i++)
		call_talk(&c.calls[i], calling_find(&c, &c.calls[i]));
	calling_close(&c);
	SSL_CTX_free(ours);
}

/* The server asks who we are: it gets our certificate, or an empty one where that is fine. */
static void check_client_certificate(int version, int with)
{
	SSL_CTX *ours = our_context(version, KTLS_VERIFY_REQUIRE), *asking = peer_server_context(&id);
	struct calling c;
	struct callee *callee;

	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(asking), ca.cert), 1);
	SSL_CTX_set_verify(
		asking, with ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER, NULL);
	if (with)
		use_identity(ours, &known);
	calling_open(&c, ours, asking);
	calling_call(&c);
	calling_expect(&c, 1, 0);
	callee = calling_find(&c, &c.calls[0]);
	call_talk(&c.calls[0], callee);
	if (with)
		assert_int_equal(X509_cmp(SSL_get0_peer_certificate(callee->ssl), known.cert), 0);
	else
		assert_null(SSL_get0_peer_certificate(callee->ssl));
	calling_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(asking);
}

static void test_client_certificate(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		check_client_certificate(version, 1);
		check_client_certificate(version, 0);
	}
}

static int offer_session(struct calling *c, SSL *ssl)
{
	(void)c;
	assert_true(ktls_sessions_offer(ssl, "there") >= 0);
	return 0;
}

/* TLS 1.2 has its session with the handshake. (What comes late in TLS 1.3 is test_late_ticket.c's.) */
static void test_resumption(void **state)
{
	SSL_CTX *ours = our_context(TLS1_2_VERSION, KTLS_VERIFY_REQUIRE);
	struct ktls_sessions *sessions;
	struct calling c;

	(void)state;
	assert_int_equal(ktls_sessions_new(&sessions, 10), 0);
	assert_int_equal(ktls_sessions_use(ours, sessions), 0);
	calling_open(&c, ours, theirs);
	c.prepare = offer_session;
	for (unsigned i = 0; i < 3; i++) {
		calling_call(&c);
		calling_expect(&c, i + 1, 0);
		assert_int_equal(c.calls[i].reused, i > 0);
		call_talk(&c.calls[i], calling_find(&c, &c.calls[i]));
	}
	calling_close(&c);
	SSL_CTX_free(ours);
	ktls_sessions_free(sessions);
}

/* A suite whose keys OpenSSL keeps: established all the same, and the caller knows. */
static void test_suite_without_keys(void **state)
{
	struct identity rsa = make_identity("RSA", "server", &ca);
	SSL_CTX *ours = our_client_context(TLS1_2_VERSION, "AES128-SHA", KTLS_VERIFY_NONE);
	SSL_CTX *old = peer_server_context(&rsa);
	struct calling c;

	(void)state;
	calling_open(&c, ours, old);
	calling_call(&c);
	calling_expect(&c, 1, 0);
	assert_int_equal(c.calls[0].keys_rc, -EOPNOTSUPP);
	calling_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(old);
	free_identity(&rsa);
}

/* All at once, and slowly: nobody waits for another. */
static void test_many(void **state)
{
	static struct calling c; /* too much for the stack of some */
	SSL_CTX *contexts[2];

	(void)state;
	contexts[0] = our_context(TLS1_2_VERSION, KTLS_VERIFY_REQUIRE);
	contexts[1] = our_context(TLS1_3_VERSION, KTLS_VERIFY_REQUIRE);
	calling_open(&c, contexts[0], theirs);
	c.manners = (struct manners){.piece = 300, .pause_ms = 5};
	for (unsigned i = 0; i < CALLING_MAX; i++) {
		c.ours = contexts[i % 2];
		calling_call(&c);
	}
	assert_int_equal(uring_client_count(c.client), CALLING_MAX);
	calling_expect(&c, CALLING_MAX, 0);
	assert_int_equal(c.most, CALLING_MAX);
	for (unsigned i = 0; i < CALLING_MAX; i += 7)
		call_talk(&c.calls[i], calling_find(&c, &c.calls[i]));
	calling_close(&c);
	SSL_CTX_free(contexts[0]);
	SSL_CTX_free(contexts[1]);
}

/* The context may go while a handshake with it is under way. */
static void test_context_is_referenced(void **state)
{
	SSL_CTX *ours = our_context(TLS1_3_VERSION, KTLS_VERIFY_REQUIRE);
	struct calling c;

	(void)state;
	calling_open(&c, ours, theirs);
	calling_call(&c);
	SSL_CTX_free(ours);
	calling_expect(&c, 1, 0);
	calling_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_success),
		cmocka_unit_test(test_connected_already),
		cmocka_unit_test(test_client_certificate),
		cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_suite_without_keys),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_context_is_referenced),
	};

	return cmocka_run_group_tests_name("outgoing", tests, set_up, clean_up);
}
