/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two ends of a relayed connection say and hear. */
#include "relaying.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void talk_say(struct talk *t, const void *p, size_t len)
{
	assert_int_equal(SSL_write(t->tls.client, p, (int)len), len);
}

static int note_error(struct talk *t)
{
	if (errno != EAGAIN && errno != EINTR)
		t->error = errno;
	return 0;
}

size_t talk_pass(struct talk *t)
{
	BIO *out = SSL_get_wbio(t->tls.client);
	static char sink[1 << 16];
	char *data;
	long pending = BIO_get_mem_data(out, &data);
	size_t n = pending > 0 ? (size_t)pending : 0;
	ssize_t sent;

	n = t->piece && n > t->piece ? t->piece : n;
	n = n > sizeof(sink) ? sizeof(sink) : n;
	if (!n || t->error || t->client < 0)
		return 0;
	sent = send(t->client, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return (size_t)note_error(t);
	assert_int_equal(BIO_read(out, sink, (int)sent), sent);
	return (size_t)sent;
}

static int passed_all(void *arg)
{
	struct talk *t = arg;

	talk_pass(t);
	return !BIO_pending(SSL_get_wbio(t->tls.client));
}

void talk_pass_all(struct relaying *s, struct talk *t)
{
	relaying_until(s, passed_all, t);
}

void talk_say_goodbye(struct relaying *s, struct talk *t)
{
	assert_true(SSL_shutdown(t->tls.client) >= 0);
	talk_pass_all(s, t);
}

static size_t read_tls(struct talk *t, void *buf, size_t cap)
{
	int n = SSL_read(t->tls.client, buf, (int)cap);

	if (SSL_get_shutdown(t->tls.client) & SSL_RECEIVED_SHUTDOWN)
		t->notified = t->tls.client_alert == 0;
	ERR_clear_error();
	return n > 0 ? (size_t)n : 0;
}

size_t talk_hear(struct talk *t, void *buf, size_t cap)
{
	static char bytes[1 << 14];
	size_t heard = read_tls(t, buf, cap);
	ssize_t n;

	if (heard || t->client < 0)
		return heard;
	n = recv(t->client, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (!n)
		t->closed = 1;
	if (n < 0)
		return (size_t)note_error(t);
	if (n > 0)
		assert_int_equal(BIO_write(SSL_get_rbio(t->tls.client), bytes, (int)n), n);
	return read_tls(t, buf, cap);
}

size_t talk_server_say(struct talk *t, const void *p, size_t len)
{
	ssize_t n = send(t->server, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	assert_true(n >= 0 || errno == EAGAIN);
	return n < 0 ? 0 : (size_t)n;
}

ssize_t talk_server_hear(struct talk *t, void *buf, size_t cap)
{
	ssize_t n = recv(t->server, buf, cap, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	return n ? n : -1;
}

/* Bytes under way in one direction: what stands where is known, so nothing has to be kept. */
struct way {
	size_t len, said, heard;
	unsigned seed;
};

static size_t next_said(const struct way *w, uint8_t *buf, size_t cap)
{
	size_t n = w->len - w->said < cap ? w->len - w->said : cap;

	for (size_t i = 0; i < n; i++)
		buf[i] = (uint8_t)((w->said + i + w->seed) % 251);
	return n;
}

static void check_heard(struct way *w, const uint8_t *buf, size_t n)
{
	assert_true(w->heard + n <= w->len);
	for (size_t i = 0; i < n; i++)
		if (buf[i] != (uint8_t)((w->heard + i + w->seed) % 251))
			fail_msg("byte %zu of %zu is wrong", w->heard + i, w->len);
	w->heard += n;
}

struct exchange {
	struct talk *t;
	struct way up, down;
};

static int exchange_over(void *arg)
{
	struct exchange *e = arg;
	static uint8_t buf[20000];
	ssize_t n;

	if (!BIO_pending(SSL_get_wbio(e->t->tls.client)) && e->up.said < e->up.len) {
		n = (ssize_t)next_said(&e->up, buf, sizeof(buf));
		talk_say(e->t, buf, (size_t)n);
		e->up.said += (size_t)n;
	}
	talk_pass(e->t);
	n = talk_server_hear(e->t, buf, sizeof(buf));
	assert_true(n >= 0);
	check_heard(&e->up, buf, (size_t)n);
	if (e->down.said < e->down.len)
		e->down.said += talk_server_say(e->t, buf, next_said(&e->down, buf, sizeof(buf)));
	check_heard(&e->down, buf, talk_hear(e->t, buf, sizeof(buf)));
	assert_int_equal(e->t->error, 0);
	assert_int_equal(e->t->ended, 0);
	return e->up.heard == e->up.len && e->down.heard == e->down.len;
}

void talk_exchange(struct relaying *s, struct talk *t, size_t up, size_t down)
{
	struct exchange e = {.t = t, .up = {.len = up, .seed = 7}, .down = {.len = down, .seed = 99}};

	relaying_until(s, exchange_over, &e);
}

struct expected {
	struct talk *t;
	uint8_t *buf;
	size_t len, have;
};

static int server_heard(void *arg)
{
	struct expected *e = arg;
	ssize_t n;

	talk_pass(e->t);
	if (e->have < e->len) {
		n = talk_server_hear(e->t, e->buf + e->have, e->len - e->have);
		assert_true(n >= 0);
		e->have += (size_t)n;
	}
	return e->have == e->len;
}

static int client_heard(void *arg)
{
	struct expected *e = arg;

	talk_pass(e->t);
	if (e->have < e->len)
		e->have += talk_hear(e->t, e->buf + e->have, e->len - e->have);
	return e->have == e->len;
}

static void expect(struct relaying *s, struct talk *t, int (*heard)(void *arg), const void *p, size_t len)
{
	struct expected e = {.t = t, .buf = malloc(len + 1), .len = len};

	assert_non_null(e.buf);
	relaying_until(s, heard, &e);
	assert_memory_equal(e.buf, p, len);
	free(e.buf);
}

void talk_server_expect(struct relaying *s, struct talk *t, const void *p, size_t len)
{
	expect(s, t, server_heard, p, len);
}

void talk_client_expect(struct relaying *s, struct talk *t, const void *p, size_t len)
{
	expect(s, t, client_heard, p, len);
}

static int server_ended(void *arg)
{
	uint8_t byte;
	ssize_t n = talk_server_hear(arg, &byte, 1);

	assert_true(n <= 0);
	talk_pass(arg);
	return n < 0;
}

void talk_server_expect_end(struct relaying *s, struct talk *t)
{
	relaying_until(s, server_ended, t);
}

static int client_ended(void *arg)
{
	struct talk *t = arg;
	uint8_t byte;

	assert_int_equal(talk_hear(t, &byte, 1), 0);
	return t->closed || t->error;
}

void talk_client_expect_end(struct relaying *s, struct talk *t)
{
	relaying_until(s, client_ended, t);
}

void talk_record(struct talk *t, enum ktls_content_type type, const void *p, size_t len)
{
	uint8_t record[KTLS_MAX_RECORD];
	ssize_t n = ktls_record_seal(&t->keys.rx, type, p, len, record, sizeof(record));

	assert_true(n > 0);
	assert_int_equal(BIO_write(SSL_get_wbio(t->tls.client), record, (int)n), n);
}

struct awaited {
	struct talk *t;
	uint8_t *record;
	size_t have;
};

static int record_is_there(void *arg)
{
	struct awaited *w = arg;
	size_t want = KTLS_HEADER_LEN;
	ssize_t n;

	talk_pass(w->t);
	if (w->have >= KTLS_HEADER_LEN)
		want = (size_t)ktls_record_length(w->record);
	assert_true(want <= KTLS_MAX_RECORD);
	n = recv(w->t->client, w->record + w->have, want - w->have, MSG_DONTWAIT);
	if (n > 0)
		w->have += (size_t)n;
	assert_true(n > 0 || (n < 0 && errno == EAGAIN));
	return w->have > KTLS_HEADER_LEN && w->have == want;
}

void talk_expect_record(
	struct relaying *s, struct talk *t, enum ktls_content_type type, const void *p, size_t len)
{
	uint8_t record[KTLS_MAX_RECORD];
	struct awaited w = {.t = t, .record = record};
	struct ktls_plain plain;

	relaying_until(s, record_is_there, &w);
	assert_int_equal(ktls_record_open(&t->keys.tx, record, w.have, &plain), 0);
	assert_int_equal(plain.type, type);
	assert_int_equal(plain.len, len);
	assert_memory_equal(plain.data, p, len);
}

void talk_close_client(struct talk *t)
{
	if (t->client >= 0)
		close(t->client);
	t->client = -1;
}

void talk_reset_client(struct talk *t)
{
	reset_on_close(t->client);
	talk_close_client(t);
}

void talk_close_server(struct talk *t)
{
	if (t->server >= 0)
		close(t->server);
	t->server = -1;
}

/* Gives the relay its turn; a longer one after each time that nothing went. Returns how often that was. */
static unsigned give_turn(struct relaying *s, size_t went, unsigned idle)
{
	if (went) {
		assert_int_equal(uring_turn(s->turns.loop), 0);
		return 0;
	}
	relaying_go_on(s);
	return idle + 1;
}

static const uint8_t nothing[16384];

size_t talk_server_say_all(struct relaying *s, struct talk *t)
{
	size_t said = 0, n;

	for (unsigned idle = 0; idle < 5; idle = give_turn(s, n, idle)) {
		n = talk_server_say(t, nothing, sizeof(nothing));
		said += n;
	}
	return said;
}

size_t talk_say_all(struct relaying *s, struct talk *t)
{
	size_t said = 0;

	for (unsigned idle = 0; idle < 5; idle = give_turn(s, talk_pass(t), idle)) {
		if (BIO_pending(SSL_get_wbio(t->tls.client)))
			continue;
		talk_say(t, nothing, sizeof(nothing));
		said += sizeof(nothing);
	}
	return said;
}

static const uint8_t client_hello[] = {1, 0, 0, 41, 3, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 0, 0, 2, 0xc0, 0x2b, 1, 0};

void talk_ask_to_renegotiate(struct talk *t)
{
	talk_record(t, KTLS_HANDSHAKE, client_hello, sizeof(client_hello));
}
