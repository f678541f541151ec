/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a stream does with received bytes, whoever received them, and what it keeps of them. Implemented in
 * stream.c, used by stream_io.c and stream_state.c.
 */
#ifndef KTLS_STREAM_PRIVATE_H
#define KTLS_STREAM_PRIVATE_H

#include "ktls/stream.h"

/* Opened content that did not fit into the reader's buffer, then bytes of records that are not opened yet. */
struct ktls_stash {
	uint32_t cap;
	uint32_t plain_off, plain_len;
	uint32_t cipher_off, cipher_len;
	uint8_t bytes[];
};

/*
 * Keeps what a read left over, instead of what the stream kept before. An incomplete record gets room for
 * as much again, so that slow peers cost few allocations. Returns 0 or -ENOMEM.
 */
int stream_keep(struct ktls_stream *s, const uint8_t *plain, size_t plain_len, const uint8_t *cipher,
	size_t cipher_len, const struct ktls_allocator *mem);

/* Bytes that may be received next; 0 while opened content waits in the stash. */
size_t stream_room(const struct ktls_stream *s);

/*
 * One function for each home of the records. n is what the receiving call returned, or its negative errno.
 * len is the size of the buffer with the received bytes, into which the content goes. Each function returns
 * the length of the content and fills r.
 */
ssize_t stream_take_kernel(struct ktls_stream *s, int fd, const struct ktls_plain *got, ssize_t n, size_t len,
	struct ktls_read *r);
ssize_t stream_take_user(struct ktls_stream *s, int fd, void *buf, ssize_t n, size_t len,
	const struct ktls_allocator *mem, struct ktls_read *r);
ssize_t stream_take_relayed(ssize_t n, size_t len, struct ktls_read *r);

#endif
