/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream in user space whose peer is the test itself, over a pair of sockets. */
#ifndef UNIT_LINE_H
#define UNIT_LINE_H

#include "support.h"

#include "ktls/stream.h"

struct line {
	int ours, theirs; /* the two ends; theirs is -1 after line_hang_up() */
	struct ktls_stream stream;
	struct ktls_key peer_tx, peer_rx; /* the peer's keys, and in TLS 1.3 what the next ones come from */
	struct ktls_secret peer_tx_secret, peer_rx_secret;
};

void line_open(struct line *l, uint16_t version, enum ktls_aead aead);

/* Wipes the stream, ends both sockets and checks that all memory came back. */
void line_close(struct line *l);

/* Checks an open line of each AEAD, and of each version, too. */
void line_for_each_aead(uint16_t version, void (*check)(struct line *l));
void line_for_each_kind(void (*check)(struct line *l));

/* The peer closes its end. */
void line_hang_up(struct line *l);

/* The peer seals one record of up to KTLS_MAX_PLAIN bytes behind what *len bytes at wire hold already. */
void line_seal(
	struct line *l, enum ktls_content_type type, const void *p, size_t n, uint8_t *wire, size_t *len);

/* The peer sends bytes as they are, and one sealed record. */
void line_send(struct line *l, const void *p, size_t n);
void line_send_record(struct line *l, enum ktls_content_type type, const void *p, size_t n);

/* The peer sends a KeyUpdate and goes on with its next key. */
void line_update(struct line *l, int request);

/* The peer takes the next record, which must be this; or finds that there is none. */
void line_hear(struct line *l, enum ktls_content_type type, const void *p, size_t n);
void line_hear_nothing(struct line *l);

/* The same, where that record is a KeyUpdate: the peer follows it. */
void line_hear_key_update(struct line *l);

/* The stream seals content, which goes to the peer's socket with whatever the stream put in front of it. */
void line_say(struct line *l, const void *p, size_t n);

/* One read by the stream, with the allocator below. */
ssize_t line_read(struct line *l, void *buf, size_t len, struct ktls_read *r);

/*
 * Reads with buffers of `room` bytes until the connection ends or has no more for now; checks the rules that
 * hold for every read. Returns the number of bytes, *r is that of the last read.
 */
size_t line_read_all(struct line *l, void *buf, size_t cap, size_t room, struct ktls_read *r);

/* Reads all there is, which must be this text; *r is that of the last read. */
void line_expect(struct line *l, const char *text, struct ktls_read *r);

/* Allocates for streams and counts. Checks on release that nothing of `never` is left in the memory. */
extern const struct ktls_allocator line_memory;

extern struct line_counts {
	unsigned held;     /* pieces not released yet */
	unsigned made;     /* all pieces so far */
	size_t largest;    /* most bytes asked for at once */
	int fail;          /* 1: allocations fail */
	const char *never; /* a word that must be wiped before release, or NULL */
} line_counts;

#endif
