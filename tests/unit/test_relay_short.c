/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The relay where the ring is full or memory is short. The linker puts the functions of this file in front of
 * the real ones (see CMakeLists.txt). */
#include "relaying.h"

#include "ktls/sys.h"

#include <errno.h>
#include <string.h>

enum {
	PATIENT = 3600,
	NEVER = -1,
};

/* Calls until one fails; NEVER for none. That one fails and those behind it do not. */
static int poll_fails, calloc_fails, realloc_fails, bio_fails, write_fails;
static int no_cancel; /* none of them works */

int __real_uring_poll(struct uring_loop *loop, struct uring_op *op, int fd, unsigned events);
int __wrap_uring_poll(struct uring_loop *loop, struct uring_op *op, int fd, unsigned events);
int __real_uring_cancel(struct uring_loop *loop, struct uring_op *op);
int __wrap_uring_cancel(struct uring_loop *loop, struct uring_op *op);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
BIO *__real_BIO_new(const BIO_METHOD *method);
BIO *__wrap_BIO_new(const BIO_METHOD *method);
int __real_SSL_write(SSL *ssl, const void *p, int len);
int __wrap_SSL_write(SSL *ssl, const void *p, int len);

static int fails(int *countdown)
{
	if (*countdown == NEVER)
		return 0;
	return (*countdown)-- == 0;
}

int __wrap_uring_poll(struct uring_loop *loop, struct uring_op *op, int fd, unsigned events)
{
	return fails(&poll_fails) ? -EBUSY : __real_uring_poll(loop, op, fd, events);
}

int __wrap_uring_cancel(struct uring_loop *loop, struct uring_op *op)
{
	return no_cancel ? -EBUSY : __real_uring_cancel(loop, op);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails(&calloc_fails) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails(&realloc_fails) ? NULL : __real_realloc(p, size);
}

BIO *__wrap_BIO_new(const BIO_METHOD *method)
{
	return fails(&bio_fails) ? NULL : __real_BIO_new(method);
}

int __wrap_SSL_write(SSL *ssl, const void *p, int len)
{
	return fails(&write_fails) ? -1 : __real_SSL_write(ssl, p, len);
}

static struct relaying s;

static int nothing_fails(void **state)
{
	(void)state;
	poll_fails = calloc_fails = realloc_fails = bio_fails = write_fails = NEVER;
	no_cancel = 0;
	relaying_open(&s, PATIENT);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	poll_fails = calloc_fails = realloc_fails = bio_fails = write_fails = NEVER;
	relaying_close(&s);
	return 0;
}

static void test_no_relay(void **state)
{
	struct uring_relay_config config = {.send_timeout = 1};
	struct uring_relay *relay = NULL;

	(void)state;
	calloc_fails = 0;
	assert_int_equal(uring_relay_new(&relay, s.turns.loop, &config), -ENOMEM);
	assert_null(relay);
}

/* Everything was taken over all the same, and nobody is told that it ended. */
static void test_no_start(void **state)
{
	static const struct {
		int *fails, error;
	} cases[] = {{&calloc_fails, -ENOMEM}, {&bio_fails, -ENOMEM}, {&poll_fails, -EBUSY}};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct uring_peer peer = {.listener = NULL};
		SSL *ssl;
		struct talk *t = relaying_shake(&s, contexts.client, &ssl);

		peer.listener = t;
		*cases[i].fails = 0;
		assert_int_equal(
			uring_relay_start(s.relay, &peer, t->relay_fd, t->relay_plain, ssl), cases[i].error);
		assert_int_equal(uring_relay_connections(s.relay), 0);
		talk_server_expect_end(&s, t);
		talk_client_expect_end(&s, t);
		assert_int_equal(t->ended, 0);
	}
}

/* The first poll or a later one; also where not even the other can be told to end. */
static void test_ring_is_full(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++) {
		struct talk *t;

		no_cancel = i % 2;
		poll_fails = i / 2 ? NEVER : 1;
		t = relaying_connect(&s, contexts.client);
		assert_int_equal(t->ended, 0);
		if (i / 2)
			talk_exchange(&s, t, 100, 100);
		relaying_go_on(&s);
		poll_fails = i / 2 ? i / 2 - 1 : poll_fails;
		for (int n = 0; n < 10 && i / 2; n++) {
			talk_say(t, "up", 2);
			talk_pass(t);
			send(t->server, "down", 4, MSG_DONTWAIT | MSG_NOSIGNAL);
			relaying_go_on(&s);
		}
		relaying_expect_end(&s, t, "the engine is overloaded");
		talk_close_client(t);
		talk_close_server(t);
	}
}

static int full_fd;

static ssize_t full_send(int fd, const void *buf, size_t len, int flags)
{
	errno = EAGAIN;
	return fd == full_fd ? -1 : send(fd, buf, len, flags);
}

/* No memory for what could not be written, no record: the connection is lost, others are not. */
static void test_no_memory(void **state)
{
	static const char *const reasons[] = {"the server cannot be reached: memory is used up",
		"sending failed: memory is used up", "a record cannot be made (OpenSSL gives no reason)"};
	struct talk *other = relaying_connect(&s, contexts.client);

	(void)state;
	for (unsigned i = 0; i < COUNT(reasons); i++) {
		struct talk *t = relaying_connect(&s, contexts.client);

		talk_say(t, "up", 2);
		full_fd = i ? t->relay_fd : t->relay_plain;
		ktls_sys.send = full_send;
		if (i == 0)
			talk_pass(t);
		else
			assert_int_equal(talk_server_say(t, "down", 4), 4);
		realloc_fails = i < 2 ? 0 : NEVER;
		write_fails = i < 2 ? NEVER : 0;
		relaying_expect_end(&s, t, reasons[i]);
		ktls_sys.send = send;
		talk_server_expect_end(&s, t);
		talk_client_expect_end(&s, t);
		talk_exchange(&s, other, 100, 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_relay, nothing_fails, close_all),
		cmocka_unit_test_setup_teardown(test_no_start, nothing_fails, close_all),
		cmocka_unit_test_setup_teardown(test_ring_is_full, nothing_fails, close_all),
		cmocka_unit_test_setup_teardown(test_no_memory, nothing_fails, close_all),
	};

	poll_fails = calloc_fails = realloc_fails = bio_fails = write_fails = NEVER;
	return cmocka_run_group_tests_name(
		"relay_short", tests, relaying_make_contexts, relaying_free_contexts);
}
