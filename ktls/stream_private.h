/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a stream does with bytes that were received, whoever received them: stream.c has it, stream_io.c uses
 * it. */
#ifndef KTLS_STREAM_PRIVATE_H
#define KTLS_STREAM_PRIVATE_H

#include "ktls/stream.h"

/* Bytes that may be received next; 0 while opened content waits in the stash. */
size_t stream_room(const struct ktls_stream *s);

/*
 * One for each home. n is what the receiving call gave, or its negative errno; len is the room at the
 * received bytes, where the content is to be. Each returns the length of the content and fills r.
 */
ssize_t stream_take_kernel(struct ktls_stream *s, int fd, const struct ktls_plain *got, ssize_t n, size_t len,
	struct ktls_read *r);
ssize_t stream_take_user(struct ktls_stream *s, int fd, void *buf, ssize_t n, size_t len,
	const struct ktls_allocator *mem, struct ktls_read *r);
ssize_t stream_take_relayed(ssize_t n, size_t len, struct ktls_read *r);

#endif
