/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream's receiving on a loop. Threads and processes: as the loop. */
#ifndef URING_STREAM_H
#define URING_STREAM_H

#include "ktls/stream_io.h"
#include "uring/loop.h"

#pragma GCC visibility push(default)

/*
 * Starts the receiving call that ktls_stream_receive() made in ready, in the way that is right for the
 * stream's home; its completion is for ktls_stream_received(). To end it early use shutdown(2), not
 * uring_cancel(). Returns 0, or -EBUSY when the kernel takes no more for now.
 */
int uring_stream_recv(struct uring_loop *loop, struct uring_op *op, int fd, const struct ktls_stream *s,
	struct ktls_receive *in);

#pragma GCC visibility pop

#endif
