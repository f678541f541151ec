/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring/stream.h"

/*
 * If records are in the kernel and only part of one has arrived, a receive that waits in the ring would spin:
 * the socket polls readable and gives nothing.
 */
int uring_stream_recv(struct uring_loop *loop, struct uring_op *op, int fd, const struct ktls_stream *s,
	struct ktls_receive *in)
{
	if (s->home == KTLS_HOME_KERNEL)
		return uring_recvmsg(loop, op, fd, &in->msg);
	return uring_recv(loop, op, fd, in->iov.iov_base, in->iov.iov_len);
}
