/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "line.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct line_counts line_counts;

/* The length stands in front of each piece; 16 bytes keep what follows aligned. */
enum {
	LENGTH_ROOM = 16
};

static void *count_alloc(size_t len)
{
	uint8_t *p = line_counts.fail ? NULL : malloc(LENGTH_ROOM + len);

	if (len > line_counts.largest)
		line_counts.largest = len;
	if (!p)
		return NULL;
	memcpy(p, &len, sizeof(len));
	line_counts.held++;
	line_counts.made++;
	return p + LENGTH_ROOM;
}

static void count_release(void *memory)
{
	uint8_t *p = (uint8_t *)memory - LENGTH_ROOM;
	const char *never = line_counts.never;
	size_t len;

	memcpy(&len, p, sizeof(len));
	if (never)
		assert_null(memmem(memory, len, never, strlen(never)));
	assert_true(line_counts.held > 0);
	line_counts.held--;
	free(p);
}

const struct ktls_allocator line_memory = {count_alloc, count_release};

void line_open(struct line *l, uint16_t version, enum ktls_aead aead)
{
	struct ktls_session_keys keys = {.rx = make_key(version, aead, 1), .tx = make_key(version, aead, 2)};
	int fds[2];

	memset(&line_counts, 0, sizeof(line_counts));
	memset(l, 0, sizeof(*l));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	l->ours = fds[0];
	l->theirs = fds[1];
	/* As after a TLS 1.2 handshake, which spends the first number of each direction. */
	keys.rx.seq = keys.tx.seq = 1;
	l->peer_tx = keys.rx;
	l->peer_rx = keys.tx;
	if (version == TLS1_3_VERSION) {
		uint8_t len = aead == KTLS_AES_256_GCM ? 48 : 32; /* of the suite's hash */

		l->peer_tx_secret = keys.rx_secret = make_secret(len, 1);
		l->peer_rx_secret = keys.tx_secret = make_secret(len, 2);
	}
	ktls_stream_init(&l->stream, KTLS_HOME_USER, &keys, 0);
}

void line_hang_up(struct line *l)
{
	close(l->theirs);
	l->theirs = -1;
}

void line_close(struct line *l)
{
	line_counts.fail = 0;
	ktls_stream_wipe(&l->stream, &line_memory);
	assert_int_equal(line_counts.held, 0);
	assert_zero(&l->stream, sizeof(l->stream));
	close(l->ours);
	if (l->theirs >= 0)
		close(l->theirs);
}

void line_seal(
	struct line *l, enum ktls_content_type type, const void *p, size_t n, uint8_t *wire, size_t *len)
{
	ssize_t sealed = ktls_record_seal(&l->peer_tx, type, p, n, wire + *len, KTLS_MAX_RECORD);

	assert_true(sealed > 0);
	*len += (size_t)sealed;
}

void line_send(struct line *l, const void *p, size_t n)
{
	/* A test that sends more than the socket holds must fail, not wait for itself. */
	assert_int_equal(send(l->theirs, p, n, MSG_DONTWAIT), n);
}

void line_send_record(struct line *l, enum ktls_content_type type, const void *p, size_t n)
{
	uint8_t wire[KTLS_MAX_RECORD];
	size_t len = 0;

	line_seal(l, type, p, n, wire, &len);
	line_send(l, wire, len);
}

void line_update(struct line *l, int request)
{
	uint8_t message[5] = {24, 0, 0, 1, (uint8_t)request};

	line_send_record(l, KTLS_HANDSHAKE, message, sizeof(message));
	assert_int_equal(ktls_key_update(&l->peer_tx, &l->peer_tx_secret), 0);
}

void line_hear(struct line *l, enum ktls_content_type type, const void *p, size_t n)
{
	assert_record(l->theirs, MSG_DONTWAIT, &l->peer_rx, type, p, n);
}

void line_hear_nothing(struct line *l)
{
	char byte;

	assert_int_equal(recv(l->theirs, &byte, 1, MSG_DONTWAIT), -1);
}

void line_hear_key_update(struct line *l)
{
	line_hear(l, KTLS_HANDSHAKE, "\30\0\0\1\0", 5); /* update_not_requested: RFC 8446 4.6.3 */
	assert_int_equal(ktls_key_update(&l->peer_rx, &l->peer_rx_secret), 0);
}

void line_say(struct line *l, const void *p, size_t n)
{
	static uint8_t wire[2 * KTLS_MAX_RECORD];
	size_t taken;
	ssize_t len = ktls_stream_seal(&l->stream, p, n, wire, sizeof(wire), &taken);

	assert_true(len > 0);
	assert_int_equal(taken, n);
	assert_int_equal(send(l->ours, wire, (size_t)len, MSG_DONTWAIT), len);
}

ssize_t line_read(struct line *l, void *buf, size_t len, struct ktls_read *r)
{
	return ktls_stream_read(&l->stream, l->ours, buf, len, &line_memory, r);
}

size_t line_read_all(struct line *l, void *buf, size_t cap, size_t room, struct ktls_read *r)
{
	uint8_t *p = buf;
	size_t have = 0;

	do {
		size_t len = room < cap - have ? room : cap - have;
		ssize_t n;

		assert_true(len > 0);
		n = line_read(l, p + have, len, r);
		assert_true(n >= 0 && (size_t)n <= len);
		have += (size_t)n;
		if (r->end == KTLS_END_NONE)
			assert_int_equal(r->error, 0);
		else
			assert_int_equal(r->more, 0);
		/* Nobody holds more than one piece of memory for a connection. */
		assert_true(line_counts.held <= 1);
		assert_true(line_counts.largest <= KTLS_STREAM_CHUNK + 64);
	} while (r->end == KTLS_END_NONE && (r->more || !r->drained));
	return have;
}

void line_for_each_aead(uint16_t version, void (*check)(struct line *l))
{
	for (int aead = 0; aead < KTLS_AEADS; aead++) {
		struct line l;

		line_open(&l, version, aead);
		check(&l);
		line_close(&l);
	}
}

void line_for_each_kind(void (*check)(struct line *l))
{
	line_for_each_aead(TLS1_2_VERSION, check);
	line_for_each_aead(TLS1_3_VERSION, check);
}

void line_expect(struct line *l, const char *text, struct ktls_read *r)
{
	char buf[64];

	assert_int_equal(line_read_all(l, buf, sizeof(buf), sizeof(buf), r), strlen(text));
	assert_memory_equal(buf, text, strlen(text));
}
