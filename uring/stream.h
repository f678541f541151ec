/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Receives for a stream on a loop. Threads and processes: same as the loop. */
#ifndef URING_STREAM_H
#define URING_STREAM_H

#include "ktls/stream_io.h"
#include "uring/loop.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/*
 * Starts the receiving call that ktls_stream_receive() prepared, in the way that suits where the stream's
 * records are. Pass its result to ktls_stream_received(). To end it early use shutdown(2), not
 * uring_cancel(). Returns 0, or -EBUSY if the kernel accepts no more for now.
 */
int uring_stream_recv(struct uring_loop *loop, struct uring_op *op, int fd, const struct ktls_stream *s,
	struct ktls_receive *in);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
