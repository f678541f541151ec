/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream in user space whose peer does what the input says: good records, changed keys, any messages, any
 * bytes, in pieces of any length. Whatever it does, the reader must get a prefix of the content that was
 * protected by the peer's keys, and the writer's records must be readable by a peer that follows the RFCs.
 */
#include "fuzz.h"

#include "ktls/stream_io.h"
#include "ktls/sys.h"

#include <errno.h>

enum {
	WIRE = 1 << 18,
};

static uint8_t filling[KTLS_MAX_PLAIN]; /* content that differs from place to place */

/* The peer. What it sent and the stream did not read lies between off and len. */
static struct {
	uint8_t wire[WIRE], said[WIRE];
	size_t off, len, arrived; /* arrived: up to there recv() sees it */
	size_t said_len, heard;
	struct ktls_key tx, rx;
	struct ktls_secret tx_secret, rx_secret;
	int ended, refuse_alloc, send_mode;
	int more; /* the stream has content that is to be read before anything is received */
	unsigned held;
} peer;

static ssize_t fuzzed_recv(int fd, void *buf, size_t len, int flags)
{
	size_t n = peer.arrived - peer.off;

	(void)fd;
	(void)flags;
	if (!n && peer.ended && peer.arrived == peer.len)
		return 0;
	if (!n) {
		errno = EAGAIN;
		return -1;
	}
	n = n < len ? n : len;
	memcpy(buf, peer.wire + peer.off, n);
	peer.off += n;
	return (ssize_t)n;
}

/* The peer opens what it gets, follows key changes and compares content, if any is expected. */
static void peer_opens(const uint8_t *p, size_t len, const uint8_t *content, size_t content_len)
{
	static uint8_t record[KTLS_MAX_RECORD];
	size_t have = 0;

	while (len) {
		ssize_t n = ktls_record_length(p);
		struct ktls_plain plain;

		REQUIRE(n > 0 && (size_t)n <= len);
		memcpy(record, p, (size_t)n);
		REQUIRE(ktls_record_open(&peer.rx, record, (size_t)n, &plain) == 0);
		if (plain.type == KTLS_HANDSHAKE) {
			REQUIRE(plain.len == 5 && !memcmp(plain.data, "\30\0\0\1\0", 5));
			REQUIRE(ktls_key_update(&peer.rx, &peer.rx_secret) == 0);
		} else if (plain.type == KTLS_APPLICATION_DATA) {
			REQUIRE(plain.len <= content_len - have);
			REQUIRE(!memcmp(plain.data, content + have, plain.len));
			have += plain.len;
		} else {
			REQUIRE(plain.type == KTLS_ALERT && plain.len == 2);
		}
		p += n;
		len -= (size_t)n;
	}
	REQUIRE(have == content_len);
}

static ssize_t fuzzed_send(int fd, const void *buf, size_t len, int flags)
{
	(void)fd;
	(void)flags;
	errno = peer.send_mode == 1 ? EAGAIN : EINTR;
	if (peer.send_mode == 1 || peer.send_mode == 2)
		return -1;
	if (peer.send_mode == 3)
		return (ssize_t)len / 2;
	peer_opens(buf, len, NULL, 0);
	return (ssize_t)len;
}

static void *alloc(size_t len)
{
	void *p = peer.refuse_alloc ? NULL : malloc(len);

	peer.held += p != NULL;
	REQUIRE(peer.held <= 2); /* a new piece is made before the old one goes */
	return p;
}

static void release(void *p)
{
	peer.held--;
	free(p);
}

static const struct ktls_allocator memory = {alloc, release};

static void peer_seals(uint8_t type, const uint8_t *p, size_t len)
{
	ssize_t n;

	if (WIRE - peer.len < len + KTLS_MAX_EXPANSION || WIRE - peer.said_len < len)
		return;
	n = ktls_record_seal(&peer.tx, type, p, len, peer.wire + peer.len, WIRE - peer.len);
	if (n < 0)
		return;
	peer.len += (size_t)n;
	/* RFC 8446 5.4: zeros behind the content are padding, the type stands in front of them. */
	while (peer.tx.version == TLS1_3_VERSION && type == 0 && len)
		type = p[--len];
	if (type != KTLS_APPLICATION_DATA)
		return;
	memcpy(peer.said + peer.said_len, p, len);
	peer.said_len += len;
}

static void peer_updates(uint8_t request)
{
	uint8_t message[5] = {24, 0, 0, 1, request};

	peer_seals(KTLS_HANDSHAKE, message, sizeof(message));
	if (peer.tx.version == TLS1_3_VERSION)
		REQUIRE(ktls_key_update(&peer.tx, &peer.tx_secret) == 0);
}

static void peer_sends_bytes(const uint8_t *p, size_t len)
{
	if (WIRE - peer.len < len)
		return;
	memcpy(peer.wire + peer.len, p, len);
	peer.len += len;
}

/* As a caller that receives by itself does it. */
static ssize_t read_own(struct ktls_stream *s, uint8_t *buf, size_t room, struct ktls_read *r)
{
	struct ktls_receive in;
	ssize_t n;

	ktls_stream_receive(s, &in, buf, room);
	REQUIRE(in.iov.iov_len > 0 && in.iov.iov_len <= room);
	n = fuzzed_recv(0, in.iov.iov_base, in.iov.iov_len, 0);
	return ktls_stream_received(s, 0, &in, n < 0 ? -errno : n, &memory, r);
}

/* Returns 1 at the stream's end. */
static int read_once(struct ktls_stream *s, size_t room, int own)
{
	struct ktls_read r;
	uint8_t *buf = malloc(room);
	ssize_t n;

	REQUIRE(buf);
	if (own && !peer.more)
		n = read_own(s, buf, room, &r);
	else
		n = ktls_stream_read(s, 0, buf, room, &memory, &r);
	peer.more = r.more;
	REQUIRE(n >= 0 && (size_t)n <= room && (size_t)n <= peer.said_len - peer.heard);
	REQUIRE(!memcmp(buf, peer.said + peer.heard, (size_t)n));
	peer.heard += (size_t)n;
	free(buf);
	REQUIRE(peer.held <= 1);
	REQUIRE(r.end == KTLS_END_NONE || !r.more);
	REQUIRE((r.end == KTLS_END_ERROR) == (r.error != 0));
	REQUIRE(r.end != KTLS_END_KEY_UPDATE);
	if (r.end == KTLS_END_TRUNCATED)
		REQUIRE(peer.ended);
	return r.end != KTLS_END_NONE;
}

/* Returns 1 when the stream is broken for writing. */
static int write_once(struct ktls_stream *s, const uint8_t *p, size_t len, size_t cap)
{
	uint8_t *wire = malloc(cap ? cap : 1);
	size_t taken;
	ssize_t n;

	REQUIRE(wire);
	n = ktls_stream_seal(s, p, len, wire, cap, &taken);
	REQUIRE(n >= 0 ? (size_t)n <= cap && taken <= len : n == -EOVERFLOW && taken == 0);
	if (n > 0)
		peer_opens(wire, (size_t)n, p, taken);
	free(wire);
	return n < 0;
}

static int respond(struct ktls_stream *s, int mode)
{
	uint8_t owes = s->owes;
	int rc;

	peer.send_mode = mode;
	rc = ktls_stream_respond(s, 0);
	REQUIRE(s->owes == (rc == -EAGAIN ? owes : 0));
	return rc && rc != -EAGAIN;
}

static void run(struct ktls_stream *s, struct input *in)
{
	int read_ended = 0, write_ended = 0;
	const uint8_t *p;

	while (in->left && !read_ended) {
		uint8_t op = take(in), arg = take(in);
		size_t n = op & 8 ? (size_t)arg << 6 : arg;

		switch (op & 7) {
		case 0:
			if (op & 16 && peer.len > peer.arrived) { /* one byte on its way is changed */
				peer.wire[peer.arrived + n % (peer.len - peer.arrived)] ^= take(in);
				break;
			}
			n = take_run(in, n, &p);
			peer_sends_bytes(p, n);
			break;
		case 1:
			if (op & 16) { /* more content than the input has to hold */
				peer_seals(KTLS_APPLICATION_DATA, filling, n);
				break;
			}
			n = take_run(in, n, &p);
			peer_seals(KTLS_APPLICATION_DATA, p, n);
			break;
		case 2:
			n = take_run(in, n, &p);
			peer_seals(op & 16 ? KTLS_ALERT : op & 32 ? take(in) : KTLS_HANDSHAKE, p, n);
			break;
		case 3:
			peer_updates(arg & 1);
			break;
		case 4:
			n = n < peer.len - peer.arrived ? n : peer.len - peer.arrived;
			peer.arrived += n;
			break;
		case 5:
			read_ended = read_once(s, n + 1, op & 16);
			break;
		case 6:
			if (op & 16)
				s->tx.seq = peer.rx.seq =
					KTLS_GCM_SOFT_LIMIT - 1 + (uint64_t)(arg & 1) * KTLS_GCM_SOFT_LIMIT;
			n = take_run(in, n, &p);
			if (!write_ended)
				write_ended = write_once(s, p, n, take(in) * (op & 8 ? 65u : 1u));
			break;
		default:
			if (op & 16)
				peer.refuse_alloc = arg & 1;
			else if (op & 32)
				peer.ended = 1;
			else if (!write_ended)
				write_ended = respond(s, arg & 3);
			break;
		}
	}
	peer.arrived = peer.len;
	for (unsigned i = 0; i < 200 && !read_ended; i++)
		read_ended = read_once(s, 5000, i & 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = {data, len};
	struct ktls_session_keys keys = {.role = take(&in) & 1 ? KTLS_CLIENT : KTLS_SERVER};
	struct ktls_stream s;

	for (size_t i = 0; i < sizeof(filling); i++)
		filling[i] = (uint8_t)(i % 251);
	ktls_sys.recv = fuzzed_recv;
	ktls_sys.send = fuzzed_send;
	peer.off = peer.len = peer.arrived = peer.said_len = peer.heard = 0;
	peer.ended = peer.refuse_alloc = peer.send_mode = peer.more = 0;
	keys.tx = keys.rx = take_key(&in);
	keys.tx.key[0] ^= 1;
	keys.rx_secret = make_secret(&keys.rx, 1);
	keys.tx_secret = make_secret(&keys.tx, 2);
	peer.tx = keys.rx;
	peer.rx = keys.tx;
	peer.tx_secret = keys.rx_secret;
	peer.rx_secret = keys.tx_secret;
	ktls_stream_init(&s, KTLS_HOME_USER, &keys, 0);
	run(&s, &in);
	peer.refuse_alloc = 0;
	ktls_stream_wipe(&s, &memory);
	REQUIRE(peer.held == 0);
	return 0;
}
