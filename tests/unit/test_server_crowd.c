/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server with crowds that say nothing or little: they go, and clients who do shake hands are served. */
#include "clock.h"
#include "one_client.h"
#include "serving.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	PLACES = 32,
	CROWD = 100,
	PATIENT = 3600, /* seconds: no handshake of this file may end by its time */
	LONG = 20000,   /* milliseconds: nobody is left alone for so long */
};

static struct serving s;

static const char header[] = "PROXY TCP4 192.0.2.%u 198.51.100.2 58267 5061\r\n";

/* From that host, which is the one behind the proxy where there is one; says so many bytes of TLS. */
static struct caller *call(const struct uring_server_config *limits, unsigned host, size_t budget)
{
	char text[64];
	struct caller *c;

	snprintf(text, sizeof(text), "127.0.0.%u", limits->proxy_header ? 1 : host);
	c = serving_call_from(&s, client, text);
	if (limits->proxy_header) {
		snprintf(text, sizeof(text), header, host);
		caller_says(c, text, strlen(text));
		budget = budget == SIZE_MAX ? budget : budget + strlen(text);
	}
	c->budget = budget;
	return c;
}

static void hang_up_all(void)
{
	clock_go();
	serving_hang_up(&s);
}

/* No time passes, and yet each client gets through, while as many come as there are places for thrice. */
static void check_crowd(
	struct uring_server_config limits, unsigned hosts, size_t says, enum uring_eviction why)
{
	struct caller *c;

	limits.max_handshakes = PLACES;
	limits.handshake_timeout = PATIENT;
	clock_stop();
	serving_open_with(&s, server, &limits);
	for (unsigned round = 1; round <= 4; round++) {
		for (unsigned i = 0; i < CROWD / 4; i++)
			call(&limits, 100 + i % hosts, says);
		serving_go_on(&s);
		c = call(&limits, 200 + round, SIZE_MAX);
		serving_expect(&s, round, 0);
		serving_talk(&s, c);
	}
	serving_until_evicted(&s, CROWD - PLACES);
	assert_true(s.evicted[why] > 0);
	assert_true(s.most <= PLACES);
	assert_int_equal(s.refused, 0);
	assert_in_range(s.like_it, 1, PLACES);
	hang_up_all();
}

static void test_crowds(void **state)
{
	static const struct {
		size_t says;
		enum uring_eviction why;
	} crowds[] = {{0, URING_EVICTED_SILENT}, {1, URING_EVICTED_SLOW}, {100, URING_EVICTED_SLOW}};

	(void)state;
	for (unsigned i = 0; i < COUNT(crowds); i++)
		for (int way = 0; way < 4; way++)
			for (unsigned hosts = 1; hosts <= 5; hosts += 4)
				check_crowd((struct uring_server_config){.refuse_when_full = way & 1,
						    .proxy_header = way >> 1,
						    .max_handshakes_per_source = 8},
					hosts, crowds[i].says, crowds[i].why);
}

/* Those that came through a proxy and never said who they are. */
static void test_without_header(void **state)
{
	static const struct uring_server_config limits = {
		.max_handshakes = PLACES, .handshake_timeout = PATIENT, .proxy_header = 1};

	(void)state;
	clock_stop();
	serving_open_with(&s, server, &limits);
	for (unsigned i = 0; i < CROWD; i++) {
		struct caller *c = serving_call(&s, client);

		caller_says(c, header, sizeof(header) - 1);
		c->budget = i % 2 ? 0 : 10;
	}
	serving_go_on(&s);
	call(&limits, 1, SIZE_MAX);
	serving_expect(&s, 1, 0);
	assert_true(s.evicted[URING_EVICTED_SILENT] && s.evicted[URING_EVICTED_SLOW]);
	hang_up_all();
}

/* Few hosts, one silent connection each: the oldest goes when it had its time, not before. */
static void test_time(void **state)
{
	static const struct uring_server_config limits = {
		.max_handshakes = 4, .handshake_timeout = PATIENT, .max_handshakes_per_source = 2};
	struct caller *silent[4];

	(void)state;
	clock_stop();
	serving_open_with(&s, server, &limits);
	for (unsigned i = 0; i < COUNT(silent); i++) {
		silent[i] = call(&limits, 10 + i, 0);
		serving_go_on(&s);
		clock_pass(1);
	}
	assert_int_equal(s.all_evicted, 0);
	clock_pass(LONG);
	serving_until_evicted(&s, 1);
	assert_int_equal(s.evictions[0], silent[0]->port);
	assert_int_equal(s.evicted[URING_EVICTED_SILENT], 1);
	assert_int_equal(s.like_it, 1);
	serving_until_closed(&s, silent[0]);
	serving_go_on(&s);
	/* One place is free again, and nobody else has to go. */
	assert_int_equal(s.all_evicted, 1);
	hang_up_all();
}

static int flight_sent(struct serving *serving)
{
	for (unsigned i = 0; i < serving->calls; i++)
		if (!SSL_get_peer_cert_chain(serving->callers[i].ssl))
			return 0;
	return 1;
}

/* A handshake that waits for the client is left alone for longer than silence, but not for ever. */
static void test_stalled(void **state)
{
	static const struct uring_server_config limits = {
		.max_handshakes = 4, .handshake_timeout = PATIENT, .max_handshakes_per_source = 0};
	struct caller *c[3];

	(void)state;
	clock_stop();
	serving_open_with(&s, server, &limits);
	for (unsigned i = 0; i < COUNT(c); i++) {
		c[i] = call(&limits, 10 + i, 0);
		SSL_do_handshake(c[i]->ssl);
		c[i]->budget = (size_t)BIO_pending(SSL_get_wbio(c[i]->ssl));
		c[i]->piece = c[i]->budget;
	}
	serving_until(&s, flight_sent);
	call(&limits, 20, 0);
	serving_go_on(&s);
	clock_pass(700);
	serving_until_evicted(&s, 1);
	assert_int_equal(s.evicted[URING_EVICTED_SILENT], 1);
	call(&limits, 21, 0);
	serving_go_on(&s);
	assert_int_equal(s.all_evicted, 1);
	clock_pass(LONG);
	serving_until_evicted(&s, 2);
	call(&limits, 22, 0);
	serving_until_evicted(&s, 3);
	serving_go_on(&s);
	assert_int_equal(s.established, 0);
	hang_up_all();
}

/* Each bit of the server's flight that it takes is a step, but it does not get more time for each. */
static void test_slow_taker(void **state)
{
	enum {
		CERTIFICATES = 100,
		BIT = 600, /* bytes; all of them together are less than the flight */
		BITS = 40,
		STEP = 100, /* milliseconds */
	};
	SSL_CTX *verbose = server_context(&id, KTLS_VERIFY_NONE, NULL);
	struct caller *slow;
	int bits = 0;

	(void)state;
	for (int i = 0; i < CERTIFICATES; i++)
		assert_int_equal(SSL_CTX_add1_chain_cert(verbose, id.cert), 1);
	clock_stop();
	serving_open(&s, verbose, 100, PATIENT);
	serving_make_small(&s);
	slow = serving_call(&s, client);
	slow->thirst = 0;
	serving_go_on(&s);
	while (!uring_server_make_room(s.server) && bits++ < BITS) {
		slow->thirst = BIT;
		serving_go_on(&s);
		clock_pass(STEP);
	}
	assert_in_range(bits, 1, BITS);
	serving_until_evicted(&s, 1);
	assert_int_equal(s.evicted[URING_EVICTED_SLOW], 1);
	hang_up_all();
	SSL_CTX_free(verbose);
}

/* No descriptor is left: who says nothing gives its own. */
static void test_no_descriptors(void **state)
{
	static const struct uring_server_config limits = {
		.max_handshakes = 1000, .handshake_timeout = PATIENT};
	struct rlimit before, low;
	struct caller *c;
	int last;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	clock_stop();
	serving_open_with(&s, server, &limits);
	for (unsigned i = 0; i < 20; i++)
		call(&limits, 10, 0);
	c = call(&limits, 20, SIZE_MAX);
	last = dup(c->fd);
	assert_true(last >= 0);
	low = before;
	low.rlim_cur = (rlim_t)last + 15;
	close(last);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	serving_expect(&s, 1, 0);
	assert_true(s.evicted[URING_EVICTED_SILENT] > 0);
	assert_true(s.troubles > 0);
	assert_int_equal(s.error, -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	serving_talk(&s, c);
	hang_up_all();
}

static int told_once(struct serving *serving)
{
	return serving->asked == 1;
}

/* The caller's own limit: it may ask for room, and gets it where somebody is to go. */
static void test_make_room(void **state)
{
	struct caller *silent;

	(void)state;
	clock_stop();
	serving_open(&s, server, 100, PATIENT);
	assert_int_equal(uring_server_make_room(s.server), 0);
	silent = serving_call(&s, client);
	silent->budget = 0;
	serving_until(&s, told_once);
	assert_int_equal(uring_server_handshakes(s.server), 1);
	assert_int_equal(uring_server_make_room(s.server), 0);
	clock_pass(LONG);
	assert_int_equal(uring_server_make_room(s.server), 1);
	assert_int_equal(uring_server_handshakes(s.server), 0);
	assert_int_equal(uring_server_make_room(s.server), 0);
	serving_until_evicted(&s, 1);
	serving_until_closed(&s, silent);
	hang_up_all();
}

/* Who speaks in the moment when it is sent away stays. */
static void test_just_in_time(void **state)
{
	struct caller *c;

	(void)state;
	clock_stop();
	serving_open(&s, server, 100, PATIENT);
	c = serving_call(&s, client);
	c->budget = 0;
	serving_until(&s, told_once);
	clock_pass(LONG);
	SSL_do_handshake(c->ssl);
	assert_int_equal(send(c->fd, "\x16", 1, 0), 1);
	uring_server_make_room(s.server);
	serving_go_on(&s);
	assert_int_equal(s.all_evicted, 0);
	assert_int_equal(uring_server_handshakes(s.server), 1);
	hang_up_all();
}

/* Who is a crowd is told by what the proxy says, not by its own address. */
static void test_crowd_behind_a_proxy(void **state)
{
	static const struct uring_server_config limits = {
		.max_handshakes = 100, .handshake_timeout = PATIENT, .proxy_header = 1};
	struct caller *alone;

	(void)state;
	clock_stop();
	serving_open_with(&s, server, &limits);
	alone = call(&limits, 10, 0);
	serving_until(&s, told_once);
	clock_pass(10);
	for (int i = 0; i < 20; i++)
		call(&limits, 20, 0);
	while (s.asked < s.calls)
		serving_go_on(&s);
	assert_int_equal(uring_server_make_room(s.server), 1);
	serving_until_evicted(&s, 1);
	assert_int_not_equal(s.evictions[0], alone->port);
	hang_up_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crowds),
		cmocka_unit_test(test_without_header),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_slow_taker),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_make_room),
		cmocka_unit_test(test_just_in_time),
		cmocka_unit_test(test_crowd_behind_a_proxy),
	};

	return cmocka_run_group_tests_name("server_crowd", tests, one_client_prepare, one_client_clean_up);
}
