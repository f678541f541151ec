/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections that we open and that fail: each says how, in words of its own, and in time. */
#include "calling.h"
#include "named.h"

#include "ktls/name.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { /* alerts of RFC 8446 6.2 */
	BAD_CERTIFICATE = 42,
	CERTIFICATE_EXPIRED = 45,
	UNKNOWN_CA = 48,
};

static struct identity ca, id, stranger, old;
static SSL_CTX *theirs, *ours;

static int set_up(void **state)
{
	(void)state;
	ca = make_authority("authority", NULL);
	id = make_named("server", "URI:sip:a.example", &ca);
	stranger = make_named("server", "URI:sip:a.example", NULL);
	old = make_named("server", "URI:sip:a.example", &ca);
	let_expire(&old, &ca);
	theirs = peer_server_context(&id);
	ours = our_client_context(TLS1_3_VERSION, NULL, KTLS_VERIFY_REQUIRE);
	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ours), ca.cert), 1);
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	SSL_CTX_free(theirs);
	SSL_CTX_free(ours);
	free_identity(&ca);
	free_identity(&id);
	free_identity(&stranger);
	free_identity(&old);
	return 0;
}

static void test_refused(void **state)
{
	struct sockaddr_in nobody;
	struct calling c;
	int listener = listen_on_loopback(&nobody);

	(void)state;
	close(listener);
	calling_open(&c, ours, theirs);
	calling_call_to(&c, &nobody);
	calling_expect(&c, 0, 1);
	call_failed(&c.calls[0], URING_CLIENT_REFUSED, -ECONNREFUSED,
		"connecting failed: refused: nobody listens there");
	calling_close(&c);
}

static int socket_error; /* what SO_ERROR answers, unless 0 */

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	if (level != SOL_SOCKET || name != SO_ERROR || !socket_error)
		return __real_getsockopt(fd, level, name, value, len);
	*(int *)value = socket_error;
	return 0;
}

/* What loopback cannot do, the socket is made to say. */
static void test_errors_of_connect(void **state)
{
	static const struct {
		int error;
		enum uring_client_failure why;
		const char *words;
	} cases[] = {
		{EHOSTUNREACH, URING_CLIENT_UNREACHABLE, "the peer's host cannot be reached"},
		{ENETUNREACH, URING_CLIENT_UNREACHABLE, "no route leads to the peer's network"},
		{ENETDOWN, URING_CLIENT_UNREACHABLE, "this machine's network is down"},
		{EHOSTDOWN, URING_CLIENT_UNREACHABLE, "the peer's host is down"},
		{EADDRNOTAVAIL, URING_CLIENT_UNREACHABLE,
			"this machine does not have the address to send from, or no port of it is free"},
		{EACCES, URING_CLIENT_UNREACHABLE,
			"a firewall or a security policy of this machine forbids it"},
		{EPROTO, URING_CLIENT_UNREACHABLE, "the system says 'Protocol error'"},
		{ECONNRESET, URING_CLIENT_RESET, "the peer reset the connection"},
		{EPIPE, URING_CLIENT_RESET, "the peer has closed the connection"},
		{ETIMEDOUT, URING_CLIENT_CONNECT_TIMEOUT,
			"the peer neither answered nor took anything for too long"},
		{ENOBUFS, URING_CLIENT_LOCAL, "memory is used up"},
	};
	struct calling c;

	(void)state;
	calling_open(&c, ours, theirs);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		char phrase[128];

		socket_error = cases[i].error;
		snprintf(phrase, sizeof(phrase), "connecting failed: %s", cases[i].words);
		calling_call(&c);
		calling_expect(&c, 0, i + 1);
		call_failed(&c.calls[i], cases[i].why, -socket_error, phrase);
	}
	socket_error = 0;
	calling_close(&c);
}

static void test_no_connection(void **state)
{
	struct calling c;

	(void)state;
	calling_open(&c, ours, theirs);
	/* Nobody has called connect(). */
	calling_start(&c, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	calling_expect(&c, 0, 1);
	call_failed(&c.calls[0], URING_CLIENT_LOCAL, -ENOTCONN,
		"connecting failed: there is no connection any more");
	/* No descriptor. */
	calling_start(&c, -1);
	calling_expect(&c, 0, 2);
	call_failed(&c.calls[1], URING_CLIENT_LOCAL, -EBADF,
		"connecting failed: the system says 'Bad file descriptor'");
	calling_close(&c);
}

static void check_time(const struct call *call, int64_t begin, int seconds)
{
	/* Not early; what comes behind is the machine's. */
	assert_true(call->at - begin >= seconds * 1000);
}

/* Its backlog is full: the kernel answers no SYN. */
static void test_connect_timeout(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fillers[8];
	int64_t begin = ktls_clock_ms();
	struct calling c;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	for (unsigned i = 0; i < COUNT(fillers); i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(fillers[i], (struct sockaddr *)&at, sizeof(at));
	}
	calling_open(&c, ours, theirs);
	c.connect_timeout = 1;
	calling_call_to(&c, &at);
	calling_expect(&c, 0, 1);
	call_failed(&c.calls[0], URING_CLIENT_CONNECT_TIMEOUT, -ETIMEDOUT,
		"not connected within tcp_connect_timeout (1 s)");
	check_time(&c.calls[0], begin, 1);
	calling_close(&c);
	for (unsigned i = 0; i < COUNT(fillers); i++)
		close(fillers[i]);
	close(listener);
}

/* Mute from the start, in the middle of its flight, or at one byte a second for ever. */
static void test_handshake_timeout(void **state)
{
	static const struct manners manners[] = {
		{.deaf = 1}, {.say_at_most = 3}, {.say_at_most = 500}, {.piece = 1, .pause_ms = 100}};

	(void)state;
	for (unsigned i = 0; i < COUNT(manners); i++) {
		int64_t begin = ktls_clock_ms();
		struct calling c;

		calling_open(&c, ours, theirs);
		c.manners = manners[i];
		c.handshake_timeout = 1;
		calling_call(&c);
		calling_expect(&c, 0, 1);
		call_failed(&c.calls[0], URING_CLIENT_HANDSHAKE_TIMEOUT, -ETIMEDOUT,
			"not finished within handshake_timeout (1 s)");
		check_time(&c.calls[0], begin, 1);
		calling_close(&c);
	}
}

/* Each has its own times; one that ends takes nobody along. */
static void test_times_differ(void **state)
{
	struct calling c;
	int64_t begin = ktls_clock_ms();

	(void)state;
	calling_open(&c, ours, theirs);
	c.manners.deaf = 1;
	for (unsigned i = 0; i < 6; i++) {
		c.handshake_timeout = i % 2 ? 1 : 30;
		calling_call(&c);
	}
	calling_expect(&c, 0, 3);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(c.calls[i].told, i % 2);
		if (i % 2)
			check_time(&c.calls[i], begin, 1);
	}
	c.manners.deaf = 0;
	calling_expect(&c, 3, 3);
	calling_close(&c);
}

static void check_manners(
	const struct manners *manners, enum uring_client_failure why, int error, const char *phrase)
{
	struct calling c;

	calling_open(&c, ours, theirs);
	c.manners = *manners;
	calling_call(&c);
	calling_expect(&c, 0, 1);
	call_failed(&c.calls[0], why, error, phrase);
	calling_close(&c);
}

static void test_rude_servers(void **state)
{
	(void)state;
	check_manners(&(struct manners){.resets = 1}, URING_CLIENT_RESET, -ECONNRESET,
		"receiving failed: the peer reset the connection");
	check_manners(&(struct manners){.hangs_up = 1}, URING_CLIENT_ENDED, 0,
		"the peer closed the connection during the handshake");
	check_manners(&(struct manners){.speaks = "SIP/2.0 400 Bad Request\r\n"}, URING_CLIENT_HANDSHAKE, 0,
		"the peer speaks plain text, not TLS");
	check_manners(&(struct manners){.speaks = "\x15\3\3\1\2\2\x28"}, URING_CLIENT_HANDSHAKE, 0, "");
}

static int ask_for_a(struct calling *c, SSL *ssl)
{
	(void)c;
	return ktls_name_require(ssl, "a.example", 0);
}

static int ask_for_b(struct calling *c, SSL *ssl)
{
	(void)c;
	return ktls_name_require(ssl, "b.example", 0);
}

static void check_certificate(int version, const struct identity *shown,
	int (*prepare)(struct calling *c, SSL *ssl), int alert, const char *phrase)
{
	SSL_CTX *server = peer_server_context(shown);
	SSL_CTX *client = our_client_context(version, NULL, KTLS_VERIFY_OPTIONAL);
	struct calling c;

	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(client), ca.cert), 1);
	calling_open(&c, client, server);
	c.prepare = prepare;
	calling_call(&c);
	calling_expect(&c, 0, 1);
	call_failed(&c.calls[0], URING_CLIENT_VERIFY, 0, phrase);
	assert_int_equal(c.callees[0].alert, alert);
	assert_true(c.callees[0].closed);
	calling_close(&c);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

/* The server learns why from an alert, and then the connection is closed. */
static void test_certificates(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		check_certificate(version, &id, ask_for_b, BAD_CERTIFICATE,
			"the peer's certificate was refused: it is for a.example, not for b.example");
		check_certificate(version, &stranger, ask_for_a, UNKNOWN_CA,
			"the peer's certificate was refused: self-signed certificate");
		check_certificate(version, &old, ask_for_a, CERTIFICATE_EXPIRED,
			"the peer's certificate was refused: certificate has expired");
	}
}

/* A server that wants another version says so in an alert. */
static void test_alert_of_the_server(void **state)
{
	SSL_CTX *server = peer_server_context(&id);
	struct calling c;

	(void)state;
	assert_int_equal(SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION), 1);
	calling_open(&c, ours, server);
	calling_call(&c);
	calling_expect(&c, 0, 1);
	call_failed(
		&c.calls[0], URING_CLIENT_HANDSHAKE, 0, "the peer refused with the alert protocol_version");
	calling_close(&c);
	SSL_CTX_free(server);
}

/* TLS 1.2 tells within the handshake that a certificate of ours is missing. */
static void test_client_certificate_is_missing(void **state)
{
	SSL_CTX *server = peer_server_context(&id);
	SSL_CTX *client = our_client_context(TLS1_2_VERSION, NULL, KTLS_VERIFY_NONE);
	struct calling c;

	(void)state;
	SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	calling_open(&c, client, server);
	calling_call(&c);
	calling_expect(&c, 0, 1);
	call_failed(
		&c.calls[0], URING_CLIENT_HANDSHAKE, 0, "the peer refused with the alert handshake_failure");
	calling_close(&c);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

static int say_no(struct calling *c, SSL *ssl)
{
	(void)c;
	(void)ssl;
	return -EINVAL;
}

static void test_begin_says_no(void **state)
{
	struct calling c;

	(void)state;
	calling_open(&c, ours, theirs);
	c.prepare = say_no;
	calling_call(&c);
	calling_expect(&c, 0, 1);
	call_failed(&c.calls[0], URING_CLIENT_LOCAL, -EINVAL, "the test says no");
	calling_close(&c);
}

/* A context that has nothing to offer is a mistake of ours. */
static void test_nothing_to_offer(void **state)
{
	SSL_CTX *client = our_client_context(TLS1_2_VERSION, "PSK-AES128-GCM-SHA256", KTLS_VERIFY_NONE);
	struct calling c;

	(void)state;
	calling_open(&c, client, theirs);
	calling_call(&c);
	calling_expect(&c, 0, 1);
	call_failed(&c.calls[0], URING_CLIENT_LOCAL, 0, "no ciphers available");
	calling_close(&c);
	SSL_CTX_free(client);
}

/* Mute ones in great number do not hold up others. */
static void test_many_mute(void **state)
{
	static struct calling c;

	(void)state;
	calling_open(&c, ours, theirs);
	c.manners.deaf = 1;
	c.handshake_timeout = 1;
	for (unsigned i = 0; i < CALLING_MAX; i++)
		calling_call(&c);
	calling_expect(&c, 0, CALLING_MAX);
	for (unsigned i = 0; i < CALLING_MAX; i++)
		call_failed(&c.calls[i], URING_CLIENT_HANDSHAKE_TIMEOUT, -ETIMEDOUT, "not finished");
	calling_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_errors_of_connect),
		cmocka_unit_test(test_no_connection),
		cmocka_unit_test(test_connect_timeout),
		cmocka_unit_test(test_handshake_timeout),
		cmocka_unit_test(test_times_differ),
		cmocka_unit_test(test_rude_servers),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_alert_of_the_server),
		cmocka_unit_test(test_client_certificate_is_missing),
		cmocka_unit_test(test_begin_says_no),
		cmocka_unit_test(test_nothing_to_offer),
		cmocka_unit_test(test_many_mute),
	};

	return cmocka_run_group_tests_name("outgoing_fails", tests, set_up, clean_up);
}
