/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server with clients that fail it. Time is in test_server_time, limits are in test_server_limits. */
#include "serving.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <unistd.h>

enum {
	PATIENT = 3600, /* seconds: where no handshake may end by its time */
	HANDSHAKE_FAILURE = 40,
	UNKNOWN_CA = 48,
	CERTIFICATE_REQUIRED = 116,
};

static struct identity id, ca, stranger;
static SSL_CTX *server, *strict, *client;
static struct serving s;

static int make_contexts(void **state)
{
	(void)state;
	id = make_identity("EC", "server", NULL);
	ca = make_identity("EC", "authority", NULL);
	stranger = make_identity("EC", "stranger", NULL);
	server = server_context(&id, KTLS_VERIFY_NONE, NULL);
	strict = server_context(&id, KTLS_VERIFY_REQUIRE, &ca);
	client = client_context(TLS1_3_VERSION, NULL);
	return 0;
}

static int free_contexts(void **state)
{
	(void)state;
	SSL_CTX_free(client);
	SSL_CTX_free(strict);
	SSL_CTX_free(server);
	free_identity(&stranger);
	free_identity(&ca);
	free_identity(&id);
	return 0;
}

static int one_under_way(struct serving *serving)
{
	return uring_server_handshakes(serving->server) == 1;
}

/* Whatever came before, the next client is served, and nothing of the former one is left. */
static void check_still_serving(unsigned descriptors)
{
	unsigned before = s.established;
	struct caller *c;

	assert_int_equal(uring_server_handshakes(s.server), 0);
	assert_int_equal(count_descriptors(), descriptors);
	c = serving_call(&s, client);
	serving_expect(&s, before + 1, s.failed);
	serving_talk(&s, c);
}

/* A client that may send so many bytes and then goes, properly or not. */
static void leave(size_t budget, void (*go)(struct caller *c), const char *reason)
{
	unsigned descriptors;
	struct caller *c;

	serving_open(&s, server, 10, PATIENT);
	descriptors = count_descriptors();
	c = serving_call(&s, client);
	c->budget = budget;
	serving_until(&s, one_under_way);
	serving_go_on(&s);
	go(c);
	serving_expect(&s, 0, 1);
	if (!strstr(s.reason, reason))
		fail_msg("'%s' does not say '%s'", s.reason, reason);
	/* A health check says nothing. */
	assert_int_equal(s.kind, budget ? URING_FAILED_LEFT : URING_FAILED_PROBE);
	check_still_serving(descriptors);
	serving_close(&s);
}

static void test_clients_leave(void **state)
{
	static const size_t budgets[] = {0, 1, 5, 6, 100};

	(void)state;
	for (unsigned i = 0; i < COUNT(budgets); i++) {
		leave(budgets[i], caller_hang_up, "closed the connection");
		leave(budgets[i], caller_reset, "the peer reset");
	}
}

static int server_spoke(struct serving *serving)
{
	return SSL_version(serving->callers[0].ssl) == TLS1_3_VERSION &&
	       SSL_get_peer_cert_chain(serving->callers[0].ssl);
}

/* In the middle: the server has sent its flight and waits for the client's. */
static void test_leaves_after_the_answer(void **state)
{
	void (*const ways[])(struct caller * c) = {caller_hang_up, caller_reset};

	(void)state;
	for (unsigned i = 0; i < COUNT(ways); i++) {
		unsigned descriptors;
		struct caller *c;
		long hello;

		serving_open(&s, server, 10, PATIENT);
		descriptors = count_descriptors();
		c = serving_call(&s, client);
		SSL_do_handshake(c->ssl);
		ERR_clear_error();
		hello = BIO_pending(SSL_get_wbio(c->ssl));
		assert_true(hello > 0);
		c->budget = (size_t)hello;
		serving_until(&s, server_spoke);
		ways[i](c);
		serving_expect(&s, 0, 1);
		check_still_serving(descriptors);
		serving_close(&s);
	}
}

/* Sends bytes that are no TLS, and no more. */
static void test_garbage(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *reason;
		enum uring_failure kind;
	} strangers[] = {
		{"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", 37, "plain text", URING_FAILED_NOT_TLS},
		{"\r\n\r\n\r\n", 6, "plain text", URING_FAILED_NOT_TLS},
		{"\xff\xfe\xfd\xfc\xfb\xfa", 6, "does not speak TLS", URING_FAILED_NOT_TLS},
		{"\x16\x03\x01\xff\xff\x01", 6, "longer than TLS allows", URING_FAILED_OTHER},
		{"\x15\x03\x01\x00\x02\x02\x28", 7, "", URING_FAILED_OTHER}, /* an alert at once */
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(strangers); i++) {
		unsigned descriptors;
		struct caller *c;

		serving_open(&s, server, 10, PATIENT);
		descriptors = count_descriptors() + 1; /* the client's own */
		c = serving_call(&s, client);
		c->budget = 0;
		assert_int_equal(send(c->fd, strangers[i].bytes, strangers[i].len, 0), strangers[i].len);
		serving_expect(&s, 0, 1);
		if (!strstr(s.reason, strangers[i].reason))
			fail_msg("'%s' does not say '%s'", s.reason, strangers[i].reason);
		assert_int_equal(s.kind, strangers[i].kind);
		serving_until_closed(&s, c);
		assert_false(caller_was_reset(c)); /* although not all was read */
		check_still_serving(descriptors);
		serving_close(&s);
	}
}

/* The client has said all it has to say, a request behind it too, when the server finds its certificate
 * wanting. */
static void refuse_certificate(int version, const struct identity *shown, int alert)
{
	SSL_CTX *ctx = client_context(version, NULL);
	struct caller *c;

	if (shown)
		use_identity(ctx, shown);
	serving_open(&s, strict, 10, PATIENT);
	c = serving_call(&s, ctx);
	c->behind = "REGISTER sip:example.org SIP/2.0\r\n";
	serving_expect(&s, 0, 1);
	assert_non_null(strstr(s.reason, "certificate"));
	assert_int_equal(s.kind, URING_FAILED_CERTIFICATE);
	serving_until_closed(&s, c);
	assert_false(caller_was_reset(c));
	assert_int_equal(c->alert, alert);
	serving_close(&s);
	SSL_CTX_free(ctx);
}

static void test_certificate_refused(void **state)
{
	(void)state;
	refuse_certificate(TLS1_2_VERSION, &stranger, UNKNOWN_CA);
	refuse_certificate(TLS1_3_VERSION, &stranger, UNKNOWN_CA);
	refuse_certificate(TLS1_2_VERSION, NULL, HANDSHAKE_FAILURE);
	refuse_certificate(TLS1_3_VERSION, NULL, CERTIFICATE_REQUIRED);
}

/* Only suites that the server does not take. */
static void test_nothing_shared(void **state)
{
	SSL_CTX *ctx =
		client_context(TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256"); /* the key is an EC key */

	(void)state;
	serving_open(&s, server, 10, PATIENT);
	serving_call(&s, ctx);
	serving_expect(&s, 0, 1);
	assert_int_equal(s.kind, URING_FAILED_NOTHING_SHARED);
	serving_close(&s);
	SSL_CTX_free(ctx);
}

/* The client does not know who signed our certificate. */
static void test_refuses_us(void **state)
{
	SSL_CTX *ctx = client_context(TLS1_3_VERSION, NULL);

	(void)state;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	serving_open(&s, server, 10, PATIENT);
	serving_call(&s, ctx);
	serving_expect(&s, 0, 1);
	assert_int_equal(s.kind, URING_FAILED_ALERT);
	serving_close(&s);
	SSL_CTX_free(ctx);
}

static int was_in_trouble(struct serving *serving)
{
	return serving->troubles >= 1;
}

/* A listener that is none: said once, and the others go on. */
static void test_no_listener(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct caller *c;

	(void)state;
	assert_true(fd >= 0);
	serving_open(&s, server, 10, PATIENT);
	assert_int_equal(uring_server_listen(s.server, fd, &s), 0);
	serving_until(&s, was_in_trouble);
	assert_int_equal(s.error, -EINVAL);
	assert_int_equal(s.for_good, 1);
	c = serving_call(&s, client);
	serving_expect(&s, 1, 0);
	serving_talk(&s, c);
	assert_int_equal(s.troubles, 1);
	serving_close(&s);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients_leave),
		cmocka_unit_test(test_leaves_after_the_answer),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_certificate_refused),
		cmocka_unit_test(test_nothing_shared),
		cmocka_unit_test(test_refuses_us),
		cmocka_unit_test(test_no_listener),
	};

	return cmocka_run_group_tests_name("server_refuse", tests, make_contexts, free_contexts);
}
