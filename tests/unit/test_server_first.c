/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server where connections whose handshake is done wait for the client's first byte. */
#include "one_server.h"
#include "serving.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum {
	PATIENT = 3600, /* seconds: no handshake of this file may end by its time */
	LONG = 3600000, /* milliseconds: nor this wait */
	SHORT = 50,
};

static const char text[] = "REGISTER sip:example.org SIP/2.0\r\n";

static struct serving s;
static SSL_CTX *clients[2];
static int polls_fail;        /* uring_poll() says that the ring is full */
static unsigned cancels_fail; /* so often uring_cancel() does */

int __real_uring_poll(struct uring_loop *loop, struct uring_op *op, int fd, unsigned events);
int __wrap_uring_poll(struct uring_loop *loop, struct uring_op *op, int fd, unsigned events);
int __real_uring_cancel(struct uring_loop *loop, struct uring_op *op);
int __wrap_uring_cancel(struct uring_loop *loop, struct uring_op *op);

int __wrap_uring_poll(struct uring_loop *loop, struct uring_op *op, int fd, unsigned events)
{
	return polls_fail ? -EBUSY : __real_uring_poll(loop, op, fd, events);
}

int __wrap_uring_cancel(struct uring_loop *loop, struct uring_op *op)
{
	if (!cancels_fail)
		return __real_uring_cancel(loop, op);
	cancels_fail--;
	return -EBUSY;
}

static int prepare(void **state)
{
	clients[0] = client_context(TLS1_2_VERSION, NULL);
	clients[1] = client_context(TLS1_3_VERSION, NULL);
	return one_server_prepare(state);
}

static int clean_up(void **state)
{
	for (unsigned i = 0; i < COUNT(clients); i++)
		SSL_CTX_free(clients[i]);
	return one_server_clean_up(state);
}

static void open_with(unsigned max_handshakes, unsigned first_byte_ms)
{
	const struct uring_server_config limits = {
		.max_handshakes = max_handshakes,
		.handshake_timeout = PATIENT,
		.first_byte_ms = first_byte_ms,
	};

	serving_open_with(&s, server, &limits);
}

static int all_done(struct serving *serving)
{
	for (unsigned i = 0; i < serving->calls; i++)
		if (!serving->callers[i].done)
			return 0;
	return 1;
}

static int all_wait(struct serving *serving)
{
	return all_done(serving) && uring_server_ready(serving->server) == serving->calls;
}

/* Its handshake is done on both sides, and the server waits for more. */
static struct caller *call_and_wait(SSL_CTX *client)
{
	struct caller *c = serving_call(&s, client);

	serving_until(&s, all_wait);
	serving_go_on(&s);
	assert_int_equal(s.established, 0);
	assert_int_equal(uring_server_handshakes(s.server), 0);
	assert_int_equal(uring_server_ready(s.server), s.calls);
	return c;
}

static void test_right_behind_finished(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(clients); i++) {
		struct caller *c;

		open_with(10, LONG);
		c = serving_call(&s, clients[i]);
		c->behind = text;
		serving_expect(&s, 1, 0);
		accepted_hears(serving_find(&s, c), text);
		serving_talk(&s, c);
		serving_close(&s);
	}
}

static void test_later(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(clients); i++) {
		struct caller *c;

		open_with(10, LONG);
		c = call_and_wait(clients[i]);
		assert_int_equal(SSL_write(c->ssl, text, sizeof(text) - 1), sizeof(text) - 1);
		serving_expect(&s, 1, 0);
		accepted_hears(serving_find(&s, c), text);
		serving_talk(&s, c);
		serving_close(&s);
	}
}

static void test_says_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(clients); i++) {
		int64_t begin = ktls_clock_ms();
		struct caller *c;

		open_with(10, SHORT);
		c = serving_call(&s, clients[i]);
		serving_expect(&s, 1, 0);
		assert_true(ktls_clock_ms() - begin >= SHORT);
		serving_talk(&s, c);
		serving_close(&s);
	}
}

/* A ring that has no room for the wait costs nobody a connection. */
static void test_cannot_wait(void **state)
{
	struct caller *c;

	(void)state;
	polls_fail = 1;
	open_with(10, LONG);
	c = serving_call(&s, clients[1]);
	serving_expect(&s, 1, 0);
	polls_fail = 0;
	assert_int_equal(uring_server_ready(s.server), 0);
	serving_talk(&s, c);
	serving_close(&s);
}

/* Nor does one that has no room to end it: it is ended a little later. */
static void test_cannot_end_the_wait(void **state)
{
	struct caller *c;

	(void)state;
	cancels_fail = 3;
	open_with(10, SHORT);
	c = serving_call(&s, clients[1]);
	serving_expect(&s, 1, 0);
	assert_int_equal(cancels_fail, 0);
	serving_talk(&s, c);
	serving_close(&s);
}

static int one_is_unused(struct serving *serving)
{
	return serving->unused == 1;
}

static void test_leaves(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(clients); i++) {
		open_with(10, LONG);
		caller_reset(call_and_wait(clients[i]));
		serving_until(&s, one_is_unused);
		serving_expect(&s, 0, 0);
		serving_close(&s);
	}
}

static void test_half_closes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(clients); i++) {
		struct caller *c;

		open_with(10, LONG);
		c = call_and_wait(clients[i]);
		assert_int_equal(shutdown(c->fd, SHUT_WR), 0);
		serving_until(&s, one_is_unused);
		serving_expect(&s, 0, 0);
		serving_close(&s);
	}
}

/* What a client says last is the caller's to read, however it leaves. */
static void expect_last_words(SSL_CTX *client, int reset)
{
	struct caller *c;
	char *record;
	long len;

	open_with(10, LONG);
	c = call_and_wait(client);
	assert_int_equal(SSL_write(c->ssl, text, sizeof(text) - 1), sizeof(text) - 1);
	len = BIO_get_mem_data(SSL_get_wbio(c->ssl), &record);
	assert_int_equal(send(c->fd, record, (size_t)len, MSG_NOSIGNAL), len);
	if (reset)
		caller_reset(c);
	else
		caller_hang_up(c);
	serving_expect(&s, 1, 0);
	assert_int_equal(s.unused, 0);
	accepted_hears(serving_find(&s, c), text);
	serving_close(&s);
}

static void test_speaks_and_leaves(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(clients); i++) {
		expect_last_words(clients[i], 0);
		expect_last_words(clients[i], 1);
	}
}

static void test_end(void **state)
{
	(void)state;
	open_with(10, LONG);
	call_and_wait(clients[1]);
	uring_server_end(s.server);
	serving_until_ended(&s);
	assert_int_equal(s.failed, 1);
	assert_string_equal(s.reason, "the server ends");
	serving_close(&s);
}

static int three_wait(struct serving *serving)
{
	return uring_server_ready(serving->server) == 3;
}

/* A host has its share of those that wait; what is handed over frees its place there. */
static void test_share(void **state)
{
	const struct uring_server_config limits = {
		.max_handshakes = 10,
		.handshake_timeout = PATIENT,
		.first_byte_ms = LONG,
		.max_ready_per_source = 2,
	};
	struct caller *first;

	(void)state;
	serving_open_with(&s, server, &limits);
	first = call_and_wait(clients[1]);
	call_and_wait(clients[1]);
	serving_call(&s, clients[1]);
	serving_expect(&s, 1, 0);
	serving_call_from(&s, clients[1], "127.0.0.2");
	serving_until(&s, three_wait);
	assert_int_equal(SSL_write(first->ssl, text, sizeof(text) - 1), sizeof(text) - 1);
	serving_expect(&s, 2, 0);
	assert_int_equal(uring_server_ready(s.server), 2);
	serving_call(&s, clients[1]);
	serving_until(&s, three_wait);
	serving_expect(&s, 2, 0);
	serving_hang_up(&s);
}

/* Who is ready keeps nobody out, and no more than max_handshakes wait. */
static void test_places(void **state)
{
	struct caller *second;

	(void)state;
	open_with(1, LONG);
	call_and_wait(clients[1]);
	second = serving_call(&s, clients[1]);
	serving_expect(&s, 1, 0);
	serving_talk(&s, second);
	serving_hang_up(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_behind_finished),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_says_nothing),
		cmocka_unit_test(test_cannot_wait),
		cmocka_unit_test(test_cannot_end_the_wait),
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_half_closes),
		cmocka_unit_test(test_speaks_and_leaves),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests_name("server_first", tests, prepare, clean_up);
}
