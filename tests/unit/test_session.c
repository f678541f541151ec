/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client's sessions: which are kept, for whom, how long and how often they are offered. */
#include "client.h"

#include "ktls/session.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <time.h>

static struct identity id;
static time_t later; /* seconds by which the cache's clock is ahead of OpenSSL's */

int __real_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	int rc = __real_clock_gettime(clock, ts);

	if (clock == CLOCK_REALTIME)
		ts->tv_sec += later;
	return rc;
}

static long exact_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

/* The exact seconds at a moment when time(2) still says the second before, which it does in each second. */
static long time_that_lags(void)
{
	long begin = exact_time(), now;

	do
		now = exact_time();
	while (time(NULL) == now && now < begin + 3);
	return now;
}

static SSL_CTX *server;

static int set_up(void **state)
{
	(void)state;
	id = make_identity("EC", "server", NULL);
	server = peer_server_context(&id);
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	SSL_CTX_free(server);
	free_identity(&id);
	return 0;
}

struct caching {
	SSL_CTX *ctx;
	struct ktls_sessions *sessions;
};

static void caching_open(struct caching *c, int version, unsigned max)
{
	c->ctx = our_client_context(version, NULL, KTLS_VERIFY_NONE);
	assert_int_equal(ktls_sessions_new(&c->sessions, max), 0);
	assert_int_equal(ktls_sessions_use(c->ctx, c->sessions), 0);
	assert_int_equal(ktls_sessions_count(c->sessions), 0);
}

static void caching_close(struct caching *c)
{
	SSL_CTX_free(c->ctx);
	ktls_sessions_free(c->sessions);
}

/* A whole connection under that key. Returns 1 when it resumed a session. */
static int connect_as(struct caching *caching, SSL_CTX *to, const char *key)
{
	struct ktls_session_keys keys;
	struct client c;
	int offered, reused;

	client_open(&c, caching->ctx, to);
	offered = ktls_sessions_offer(ktls_handshake_ssl(c.ours), key);
	assert_true(offered == 0 || offered == 1);
	client_establish(&c, &keys);
	reused = SSL_session_reused(ktls_handshake_ssl(c.ours));
	assert_int_equal(reused, SSL_session_reused(c.server));
	assert_true(offered || !reused);
	SSL_SESSION_free(client_take_session(&c));
	client_close(&c);
	return reused;
}

static void test_resumption(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct caching c;

		caching_open(&c, version, 10);
		for (int i = 0; i < 4; i++) {
			assert_int_equal(connect_as(&c, server, "a"), i > 0);
			assert_int_equal(ktls_sessions_count(c.sessions), 1);
		}
		assert_int_equal(connect_as(&c, server, "b"), 0); /* nobody else's */
		assert_int_equal(connect_as(&c, server, "A"), 0);
		assert_int_equal(connect_as(&c, server, ""), 0);
		assert_int_equal(connect_as(&c, server, "a"), 1);
		assert_int_equal(ktls_sessions_count(c.sessions), 4);
		caching_close(&c);
	}
}

/* What an SSL object is offered under a key right now. */
static int offered(struct caching *c, const char *key)
{
	SSL *ssl = SSL_new(c->ctx);
	int rc = ktls_sessions_offer(ssl, key);

	SSL_free(ssl);
	return rc;
}

static void test_how_often(void **state)
{
	struct caching c;

	(void)state;
	caching_open(&c, TLS1_3_VERSION, 10);
	connect_as(&c, server, "a");
	assert_int_equal(offered(&c, "a"), 1);
	assert_int_equal(offered(&c, "a"), 0); /* a ticket is used once */
	assert_int_equal(ktls_sessions_count(c.sessions), 0);
	caching_close(&c);
	caching_open(&c, TLS1_2_VERSION, 10);
	connect_as(&c, server, "a");
	for (int i = 0; i < 3; i++)
		assert_int_equal(offered(&c, "a"), 1);
	assert_int_equal(ktls_sessions_count(c.sessions), 1);
	caching_close(&c);
}

static void test_the_oldest_goes(void **state)
{
	struct caching c;

	(void)state;
	caching_open(&c, TLS1_2_VERSION, 3);
	connect_as(&c, server, "a");
	connect_as(&c, server, "b");
	connect_as(&c, server, "c");
	assert_int_equal(offered(&c, "a"), 1); /* so b is the oldest now */
	connect_as(&c, server, "d");
	assert_int_equal(ktls_sessions_count(c.sessions), 3);
	assert_int_equal(offered(&c, "b"), 0);
	assert_int_equal(offered(&c, "a"), 1);
	assert_int_equal(offered(&c, "c"), 1);
	assert_int_equal(offered(&c, "d"), 1);
	caching_close(&c);
	caching_open(&c, TLS1_2_VERSION, 1);
	connect_as(&c, server, "a");
	connect_as(&c, server, "b");
	assert_int_equal(ktls_sessions_count(c.sessions), 1);
	assert_int_equal(connect_as(&c, server, "b"), 1);
	caching_close(&c);
}

/* The session that the cache has under "a": it is shared by reference. */
static SSL_SESSION *kept_session(struct caching *c)
{
	SSL *ssl = SSL_new(c->ctx);
	SSL_SESSION *session;

	assert_int_equal(ktls_sessions_offer(ssl, "a"), 1);
	session = SSL_get1_session(ssl);
	SSL_free(ssl);
	return session;
}

/* Behind its time it is not offered; nor when the clock was put back. */
static void test_expiry(void **state)
{
	static const struct {
		long age;
		long timeout; /* 0: as it is */
		int offered;
	} cases[] = {
		{0, 0, 1}, {100, 0, 1}, {290, 300, 1}, {300, 300, 0}, {86400 * 8, 86400 * 9, 0}, {-10, 0, 0}};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct caching c;
		SSL_SESSION *session;

		caching_open(&c, TLS1_2_VERSION, 10);
		connect_as(&c, server, "a");
		session = kept_session(&c);
		assert_true(SSL_SESSION_get_ticket_lifetime_hint(session) > 0);
		SSL_SESSION_set_time(session, exact_time() - cases[i].age);
		if (cases[i].timeout)
			SSL_SESSION_set_timeout(session, cases[i].timeout);
		assert_int_equal(offered(&c, "a"), cases[i].offered);
		assert_int_equal(ktls_sessions_count(c.sessions), cases[i].offered);
		SSL_SESSION_free(session);
		caching_close(&c);
	}
}

/* OpenSSL 3.5 reads another clock than time(2), which is behind it for a moment. */
static void test_session_of_just_now(void **state)
{
	SSL_SESSION *session;
	struct caching c;

	(void)state;
	caching_open(&c, TLS1_2_VERSION, 10);
	connect_as(&c, server, "a");
	session = kept_session(&c);
	SSL_SESSION_set_time(session, time_that_lags());
	assert_int_equal(offered(&c, "a"), 1);
	SSL_SESSION_free(session);
	caching_close(&c);
}

/* A server's new tickets do not put off the next full handshake, which verifies certificates. */
static void test_chain_of_resumptions(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct caching c;

		caching_open(&c, version, 10);
		later = -5000;
		assert_int_equal(connect_as(&c, server, "a"), 0);
		later = 0;
		assert_int_equal(connect_as(&c, server, "a"), 1);
		later = 2000; /* the session is 2,000 seconds old, the last full handshake 7,000 */
		assert_int_equal(connect_as(&c, server, "a"), 1);
		later = 3000;
		assert_int_equal(connect_as(&c, server, "a"), 0);
		later = 0;
		caching_close(&c);
	}
}

/* A server that forgot it: the handshake is a full one, and the new session takes the place. */
static void test_unknown_to_the_server(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *other = peer_server_context(&id);
		struct caching c;

		caching_open(&c, version, 10);
		connect_as(&c, server, "a");
		assert_int_equal(connect_as(&c, other, "a"), 0);
		assert_int_equal(ktls_sessions_count(c.sessions), 1);
		assert_int_equal(connect_as(&c, other, "a"), 1);
		caching_close(&c);
		SSL_CTX_free(other);
	}
}

/* A handshake with it that ends in an alert has had its session: the next one is a full one. */
static void test_alert(void **state)
{
	SSL_CTX *refusing = peer_server_context(&id);
	struct caching caching;
	struct client c;

	(void)state;
	assert_int_equal(SSL_CTX_set_cipher_list(refusing, "ECDHE-RSA-AES128-GCM-SHA256"), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(refusing, TLS1_2_VERSION), 1);
	caching_open(&caching, TLS1_2_VERSION, 10);
	connect_as(&caching, server, "a");
	client_open(&c, caching.ctx, refusing);
	assert_int_equal(ktls_sessions_offer(ktls_handshake_ssl(c.ours), "a"), 1);
	assert_int_equal(client_run(&c), KTLS_HANDSHAKE_FAILED);
	client_close(&c);
	assert_int_equal(offered(&caching, "a"), 0);
	assert_int_equal(ktls_sessions_count(caching.sessions), 0);
	caching_close(&caching);
	SSL_CTX_free(refusing);
}

static void test_wrong_use(void **state)
{
	SSL_CTX *plain = our_client_context(TLS1_3_VERSION, NULL, KTLS_VERIFY_NONE);
	char key[KTLS_SESSION_KEY_MAX + 1];
	struct caching c;
	struct client other;
	SSL *ssl;

	(void)state;
	caching_open(&c, TLS1_2_VERSION, 10);
	memset(key, 'k', sizeof(key));
	key[KTLS_SESSION_KEY_MAX] = '\0';
	assert_int_equal(offered(&c, key), -EINVAL);
	key[KTLS_SESSION_KEY_MAX - 1] = '\0';
	assert_int_equal(offered(&c, key), 0);
	ssl = SSL_new(c.ctx);
	assert_int_equal(ktls_sessions_offer(ssl, "a"), 0);
	assert_int_equal(ktls_sessions_offer(ssl, "b"), -EINVAL); /* once for each */
	SSL_free(ssl);
	ssl = SSL_new(plain);
	assert_int_equal(ktls_sessions_offer(ssl, "a"), -EINVAL);
	SSL_free(ssl);
	/* Without a key nothing is kept. */
	client_open(&other, c.ctx, server);
	assert_int_equal(client_run(&other), KTLS_HANDSHAKE_DONE);
	SSL_SESSION_free(client_take_session(&other));
	client_close(&other);
	assert_int_equal(ktls_sessions_count(c.sessions), 0);
	caching_close(&c);
	SSL_CTX_free(plain);
	ktls_sessions_free(NULL);
}

/* As many as there can be, with one more each time. */
static void test_many(void **state)
{
	struct caching c;
	char key[16];

	(void)state;
	caching_open(&c, TLS1_2_VERSION, 20);
	for (unsigned i = 0; i < 60; i++) {
		snprintf(key, sizeof(key), "%u", i * 7919 % 61);
		connect_as(&c, server, key);
		assert_int_equal(ktls_sessions_count(c.sessions), i < 20 ? i + 1 : 20);
	}
	for (unsigned i = 0; i < 60; i++) {
		snprintf(key, sizeof(key), "%u", i * 7919 % 61);
		assert_int_equal(offered(&c, key), i >= 40);
	}
	caching_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_how_often),
		cmocka_unit_test(test_the_oldest_goes),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_session_of_just_now),
		cmocka_unit_test(test_chain_of_resumptions),
		cmocka_unit_test(test_unknown_to_the_server),
		cmocka_unit_test(test_alert),
		cmocka_unit_test(test_wrong_use),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("session", tests, set_up, clean_up);
}
