/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server behind a proxy: PROXY headers in front of the ClientHello. Time is in test_server_time. */
#include "one_client.h"
#include "serving.h"

#include "uring/proxy_header.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

enum {
	PATIENT = 3600, /* seconds: no handshake of this file may end by its time */
};

#define TEXT(s)   s, sizeof(s) - 1
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define FOUR      "\xc0\x00\x02\x01\xc6\x33\x64\x02\xe3\x9b\x13\xc5" /* 192.0.2.1:58267 to 198.51.100.2:5061 */

static struct serving s;
static const struct uring_server_config proxied = {
	.max_handshakes = 100, .handshake_timeout = PATIENT, .proxy_header = 1};

static void check_end(const union uring_address *a, const char *address, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];
	int six = a->any.sa_family == AF_INET6;
	const void *from = six ? (const void *)&a->in6.sin6_addr : (const void *)&a->in.sin_addr;

	assert_string_equal(inet_ntop(a->any.sa_family, from, text, sizeof(text)), address);
	assert_int_equal(ntohs(six ? a->in6.sin6_port : a->in.sin_port), port);
}

/* The ends of the TCP connection, and where the header says nothing, those that count. */
static void check_transport(const struct uring_peer *peer, const struct caller *c)
{
	check_end(&peer->transport_remote, "127.0.0.1", ntohs(c->port));
	check_end(&peer->transport_local, "127.0.0.1", ntohs(s.at.sin_port));
	if (peer->proxied)
		return;
	assert_memory_equal(&peer->remote, &peer->transport_remote, sizeof(struct sockaddr_in));
	assert_memory_equal(&peer->local, &peer->transport_local, sizeof(struct sockaddr_in));
}

static const struct {
	const char *bytes;
	size_t len;
	const char *remote, *local; /* NULL: not proxied */
} headers[] = {
	{TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 58267 5061\r\n"), "192.0.2.1", "198.51.100.2"},
	{TEXT("PROXY TCP6 2001:db8::1 2001:db8::2 58267 5061\r\n"), "2001:db8::1", "2001:db8::2"},
	{TEXT("PROXY UNKNOWN\r\n"), NULL, NULL},
	{TEXT(SIGNATURE "\x21\x11\x00\x0c" FOUR), "192.0.2.1", "198.51.100.2"},
	{TEXT(SIGNATURE "\x21\x11\x00\x11" FOUR "\x04\x00\x02\xaa\xbb"), "192.0.2.1", "198.51.100.2"},
	{TEXT(SIGNATURE "\x21\x21\x00\x24"
			"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
			"\xe3\x9b\x13\xc5"),
		"2001:db8::1", "2001:db8::2"},
	{TEXT(SIGNATURE "\x20\x00\x00\x00"), NULL, NULL},
};

/* Served with its header in pieces of that size, together with the ClientHello where they are larger. */
static void serve(unsigned i, size_t piece)
{
	const struct uring_peer *peer;
	struct caller *c;

	serving_open_with(&s, server, &proxied);
	c = serving_call(&s, client);
	caller_says(c, headers[i].bytes, headers[i].len);
	c->piece = piece;
	serving_expect(&s, 1, 0);
	c->piece = 0;
	assert_int_equal(s.asked, 1);
	assert_int_equal(s.under_way, 0);
	peer = &serving_find(&s, c)->peer;
	assert_int_equal(peer->proxied, headers[i].remote != NULL);
	assert_memory_equal(peer, &s.peer, sizeof(*peer)); /* as admit() saw it */
	check_transport(peer, c);
	if (peer->proxied) {
		check_end(&peer->remote, headers[i].remote, 58267);
		check_end(&peer->local, headers[i].local, 5061);
	}
	serving_talk(&s, c);
	serving_close(&s);
}

static void test_served(void **state)
{
	static const size_t pieces[] = {0, 1, 7, 16, 40};

	(void)state;
	for (unsigned i = 0; i < COUNT(headers); i++)
		for (unsigned k = 0; k < COUNT(pieces); k++)
			serve(i, pieces[k]);
}

/* Nothing is replaced where no header is expected. */
static void test_without(void **state)
{
	struct caller *c;

	(void)state;
	serving_open(&s, server, 10, PATIENT);
	c = serving_call(&s, client);
	serving_expect(&s, 1, 0);
	assert_int_equal(serving_find(&s, c)->peer.proxied, 0);
	assert_int_equal(s.under_way, 0);
	check_transport(&serving_find(&s, c)->peer, c);
	serving_close(&s);
}

/* A header of the largest size, more than a client's first segment holds. */
static void test_long_header(void **state)
{
	static char header[URING_PROXY_HEADER_MAX] = SIGNATURE "\x21\x11\x0f\xf0" FOUR;
	struct caller *c;

	(void)state;
	serving_open_with(&s, server, &proxied);
	c = serving_call(&s, client);
	caller_says(c, header, sizeof(header));
	c->piece = 1000;
	serving_expect(&s, 1, 0);
	check_end(&serving_find(&s, c)->peer.remote, "192.0.2.1", 58267);
	serving_talk(&s, c);
	serving_close(&s);
}

/* Told once, closed without a word, and nobody was asked. */
static void check_bad(struct caller *c, const char *reason)
{
	serving_expect(&s, 0, 1);
	assert_string_equal(s.reason, reason);
	assert_int_equal(s.kind, URING_FAILED_HEADER);
	assert_int_equal(s.peer.proxied, 0);
	check_transport(&s.peer, c);
	serving_until_closed(&s, c);
	assert_int_equal(c->alert, -1);
	assert_int_equal(BIO_pending(SSL_get_rbio(c->ssl)), 0);
	assert_int_equal(s.asked, 0);
}

static void test_bad_header(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *reason;
	} bad[] = {
		{TEXT(""), "no PROXY header: the connection begins with TLS"},
		{TEXT("GET / HTTP/1.1\r\n\r\n"),
			"no PROXY header: the connection begins with something else"},
		{TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 58267 99999\r\n"),
			"bad PROXY header: a port is not a number from 0 to 65535"},
		{TEXT(SIGNATURE "\x21\x31\x00\x0c" FOUR),
			"bad PROXY header: neither TCP over IPv4 nor TCP over IPv6"},
		{TEXT(SIGNATURE "\x20\x00\xff\xff"), "bad PROXY header: it is longer than 4096 bytes"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++)
		for (size_t piece = 0; piece < 2; piece++) {
			struct caller *c;

			serving_open_with(&s, server, &proxied);
			c = serving_call(&s, client);
			caller_says(c, bad[i].bytes, bad[i].len);
			c->piece = piece;
			check_bad(c, bad[i].reason);
			serving_close(&s);
		}
}

static int one_asleep(struct serving *serving)
{
	return serving->callers[0].budget == 0;
}

/* In the middle of the header, at its first byte, and behind it. */
static void test_clients_leave(void **state)
{
	static const struct {
		size_t budget;
		const char *end, *reset;
		enum uring_failure kind;
	} leavers[] = {
		{0, "the client closed the connection before its PROXY header",
			"receiving failed: the peer reset the connection", URING_FAILED_PROBE},
		{1, "the client closed the connection before its PROXY header",
			"receiving failed: the peer reset the connection", URING_FAILED_LEFT},
		{20, "the client closed the connection before its PROXY header",
			"receiving failed: the peer reset the connection", URING_FAILED_LEFT},
		{46, "the client closed the connection", "receiving failed: the peer reset the connection",
			URING_FAILED_PROBE},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(leavers); i++)
		for (int reset = 0; reset < 2; reset++) {
			struct caller *c;

			serving_open_with(&s, server, &proxied);
			c = serving_call(&s, client);
			caller_says(c, headers[0].bytes, headers[0].len);
			assert_int_equal(headers[0].len, 46);
			c->budget = leavers[i].budget;
			serving_until(&s, one_asleep);
			serving_go_on(&s);
			if (reset)
				caller_reset(c);
			else
				caller_hang_up(c);
			serving_expect(&s, 0, 1);
			assert_string_equal(s.reason, reset ? leavers[i].reset : leavers[i].end);
			assert_int_equal(s.kind, leavers[i].kind);
			serving_close(&s);
		}
}

/* Who says nothing, or half of it, delays nobody, and does not count as a handshake. */
static void test_silent_ones(void **state)
{
	enum {
		SILENT = 20
	};
	struct caller *c;

	(void)state;
	serving_open_with(&s, server, &proxied);
	for (unsigned i = 0; i < SILENT; i++) {
		c = serving_call(&s, client);
		caller_says(c, headers[i % 2 ? 0 : 3].bytes, headers[i % 2 ? 0 : 3].len);
		c->budget = i;
	}
	for (unsigned i = 0; i < COUNT(headers); i++) {
		c = serving_call(&s, client);
		caller_says(c, headers[i].bytes, headers[i].len);
	}
	serving_expect(&s, COUNT(headers), 0);
	assert_int_equal(s.asked, COUNT(headers));
	assert_int_equal(uring_server_handshakes(s.server), 0);
	for (unsigned i = 0; i < SILENT; i++)
		caller_hang_up(&s.callers[i]);
	serving_expect(&s, COUNT(headers), SILENT);
	serving_close(&s);
}

/* Asked with the address behind the proxy; who is not let in is closed without a word. */
static void test_admit(void **state)
{
	struct caller *c;

	(void)state;
	serving_open_with(&s, server, &proxied);
	s.refuse = -EBUSY;
	c = serving_call(&s, client);
	caller_says(c, headers[0].bytes, headers[0].len);
	serving_until_closed(&s, c);
	assert_int_equal(s.asked, 1);
	check_end(&s.peer.remote, "192.0.2.1", 58267);
	assert_int_equal(c->alert, -1);
	assert_int_equal(BIO_pending(SSL_get_rbio(c->ssl)), 0);
	s.refuse = 0;
	c = serving_call(&s, client);
	caller_says(c, headers[1].bytes, headers[1].len);
	serving_expect(&s, 1, 0);
	serving_talk(&s, c);
	serving_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_served),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_long_header),
		cmocka_unit_test(test_bad_header),
		cmocka_unit_test(test_clients_leave),
		cmocka_unit_test(test_silent_ones),
		cmocka_unit_test(test_admit),
	};

	return cmocka_run_group_tests_name("server_proxy", tests, one_client_prepare, one_client_clean_up);
}
