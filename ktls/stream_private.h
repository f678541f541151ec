/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a stream does with received bytes, whoever received them. Implemented in stream.c, used by
 * stream_io.c.
 */
#ifndef KTLS_STREAM_PRIVATE_H
#define KTLS_STREAM_PRIVATE_H

#include "ktls/stream.h"

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
