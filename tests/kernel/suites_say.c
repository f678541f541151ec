/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said over a connection of kernel_suites: text, changes of keys, the end. */
#include "kernel/suites.h"

#include "unit/line.h"

#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum {
	PATIENCE_MS = 10000,
	TEXT_MAX = 40960,
};

void wait_for(struct talk *t, short ours, short theirs)
{
	struct pollfd fds[] = {
		{.fd = t->fd, .events = ours},
		{.fd = SSL_get_fd(t->peer), .events = theirs},
	};

	assert_true(poll(fds, COUNT(fds), PATIENCE_MS) > 0);
}

void send_all(int fd, const uint8_t *p, size_t len)
{
	assert_int_equal(send(fd, p, len, MSG_NOSIGNAL), len);
}

int is_over(struct talk *t, int rc)
{
	int error = rc > 0 ? SSL_ERROR_NONE : SSL_get_error(t->peer, rc);

	ERR_clear_error();
	assert_true(rc > 0 || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE);
	return rc > 0;
}

void hear(struct talk *t, uint8_t *heard, size_t len, struct ktls_read *r)
{
	size_t have = 0;

	memset(r, 0, sizeof(*r));
	while (have < len || t->stream.owes) {
		if (!r->more)
			wait_for(t, POLLIN, 0);
		have += (size_t)ktls_stream_read(
			&t->stream, t->fd, heard + have, len > have ? len - have : 1, &line_memory, r);
		if (r->end != KTLS_END_NONE)
			return;
		if (r->respond)
			assert_int_equal(ktls_stream_respond(&t->stream, t->fd), 0);
	}
	assert_int_equal(have, len);
}

void they_write(struct talk *t, const uint8_t *said, size_t len)
{
	while (!is_over(t, SSL_write(t->peer, said, (int)len)))
		wait_for(t, 0, POLLOUT);
}

static void they_say(struct talk *t, size_t len, unsigned seed)
{
	static uint8_t said[TEXT_MAX], heard[TEXT_MAX];
	struct ktls_read r;

	fill(said, len, seed);
	they_write(t, said, len);
	hear(t, heard, len, &r);
	assert_int_equal(r.end, KTLS_END_NONE);
	assert_memory_equal(heard, said, len);
}

static void they_hear(struct talk *t, const uint8_t *said, size_t len)
{
	static uint8_t heard[TEXT_MAX];
	size_t have = 0;

	while (have < len) {
		int n = SSL_read(t->peer, heard + have, (int)(len - have));

		if (is_over(t, n))
			have += (size_t)n;
		else
			wait_for(t, 0, POLLIN);
	}
	assert_memory_equal(heard, said, len);
}

static void we_say(struct talk *t, size_t len, unsigned seed)
{
	static uint8_t said[TEXT_MAX], wire[2 * TEXT_MAX];
	size_t taken;
	ssize_t n;

	fill(said, len, seed);
	if (t->stream.home == KTLS_HOME_KERNEL) {
		assert_int_equal(ktls_stream_count_write(&t->stream, len), 0);
		send_all(t->fd, said, len);
	} else {
		n = ktls_stream_seal(&t->stream, said, len, wire, sizeof(wire), &taken);
		assert_true(n > 0 && taken == len);
		send_all(t->fd, wire, (size_t)n);
	}
	they_hear(t, said, len);
}

void say_all(struct talk *t)
{
	static const size_t lengths[] = {1, 2, 17, 1000, 16383, 16384, 16385, TEXT_MAX};

	for (unsigned i = 0; i < COUNT(lengths); i++) {
		they_say(t, lengths[i], i);
		we_say(t, lengths[i], i + 50);
	}
}

static void they_update(struct talk *t, int requested)
{
	assert_int_equal(
		SSL_key_update(t->peer, requested ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED),
		1);
	assert_int_equal(SSL_do_handshake(t->peer), 1);
}

void change_keys(struct talk *t)
{
	for (unsigned i = 0; i < UPDATES_MAX; i++) {
		they_update(t, i % 2);
		they_say(t, 100, i);
		we_say(t, 100, i);
		assert_int_equal(t->updates, (i + 1) / 2);
	}
	t->stream.owes = KTLS_OWES_KEY_UPDATE;
	assert_int_equal(ktls_stream_respond(&t->stream, t->fd), 0);
	we_say(t, TEXT_MAX, 1);
	they_say(t, TEXT_MAX, 2);
	assert_int_equal(t->updates, UPDATES_MAX / 2 + 1);
}

static void they_hear_goodbye(struct talk *t)
{
	char byte;
	int rc;

	while ((rc = SSL_read(t->peer, &byte, 1)) < 0) {
		assert_int_equal(SSL_get_error(t->peer, rc), SSL_ERROR_WANT_READ);
		wait_for(t, 0, POLLIN);
	}
	assert_int_equal(SSL_get_error(t->peer, rc), SSL_ERROR_ZERO_RETURN);
	assert_true(SSL_get_shutdown(t->peer) & SSL_RECEIVED_SHUTDOWN);
}

void say_goodbye(struct talk *t)
{
	struct ktls_read r;
	uint8_t byte;

	assert_int_equal(ktls_stream_send_alert(&t->stream, t->fd, KTLS_CLOSE_NOTIFY), 0);
	they_hear_goodbye(t);
	assert_int_equal(SSL_shutdown(t->peer), 1);
	hear(t, &byte, 1, &r);
	assert_int_equal(r.end, KTLS_END_CLOSE_NOTIFY);
}

void end_at_key_update(struct talk *t, int requested)
{
	struct ktls_read r;
	uint8_t byte;

	they_say(t, 100, 1);
	we_say(t, 100, 2);
	they_update(t, requested);
	hear(t, &byte, 1, &r);
	assert_int_equal(r.end, KTLS_END_KEY_UPDATE);
	assert_true(r.owed && r.alert == KTLS_CLOSE_NOTIFY);
	assert_int_equal(ktls_stream_send_alert(&t->stream, t->fd, r.alert), 0);
	they_hear_goodbye(t);
}
