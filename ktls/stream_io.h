/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream for a caller that receives and sends by itself, for example with io_uring (uring/stream.h), from
 * the end of the handshake on. The rules in ktls/stream.h apply.
 *
 *	ktls_stream_start(&s, fd, h, &caps);               the handshake's last byte is sent
 *	ktls_stream_receive(&s, &in, buf, sizeof(buf));    recvmsg(fd, &in.msg, MSG_DONTWAIT), now or later
 *	n = ktls_stream_received(&s, fd, &in, result, &heap, &r);
 *	ktls_stream_protect(&s, fd, text, len, room, sizeof(room), &out);  send(fd, out.bytes, out.len, ...)
 */
#ifndef KTLS_STREAM_IO_H
#define KTLS_STREAM_IO_H

#include "ktls/kernel.h"
#include "ktls/stream.h"

#include <sys/socket.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/*
 * Starts a stream from a finished handshake whose output is sent. Its records go to the kernel if caps says
 * that the kernel supports them, else they stay in user space; with caps NULL they always do. h may be freed
 * afterwards. Returns 0; -EOPNOTSUPP for a suite without an AEAD, whose connection must stay with OpenSSL
 * (ktls_handshake_take_ssl(), uring/relay.h); -EPIPE if the kernel took only one direction, so that the
 * socket can only be closed; -ENOMEM or -EIO. On error there is no stream.
 */
int ktls_stream_start(
	struct ktls_stream *s, int fd, const struct ktls_handshake *h, const struct ktls_kernel_caps *caps);

/* A receiving call. It must stay where it is until the call has ended. */
struct ktls_receive {
	struct msghdr msg;
	struct iovec iov;
	union {
		size_t align;
		char bytes[CMSG_SPACE(sizeof(unsigned char))];
	} control;
};

/*
 * Prepares in->msg for one recvmsg(2) on the stream's socket, which will receive into buf (len bytes, at
 * least 1; fewer if the stream already holds bytes). With KTLS_HOME_USER the call may wait. With records in
 * the kernel use MSG_DONTWAIT after a poll, because part of a record makes the socket readable but gives
 * nothing.
 */
void ktls_stream_receive(const struct ktls_stream *s, struct ktls_receive *in, void *buf, size_t len);

/*
 * Takes the result of that recvmsg(): its return value, or its negative errno (-EAGAIN if there was nothing).
 * The rest is like ktls_stream_read(), with the content at the start of buf: it returns the length, and
 * r->end says whether the connection goes on. r->drained only says that there was nothing to receive. While
 * r->more is 1, call ktls_stream_read() before receiving anything else.
 */
ssize_t ktls_stream_received(struct ktls_stream *s, int fd, struct ktls_receive *in, ssize_t result,
	const struct ktls_allocator *mem, struct ktls_read *r);

/* What must be sent, all of it and in this order, before any other bytes. */
struct ktls_outgoing {
	const void *bytes; /* inside in or out */
	size_t len;
	size_t taken; /* how much of the content is in it */
};

/*
 * Makes what must be written to the socket for content: with records in the kernel the content itself, else
 * records in out (cap bytes, more than KTLS_MAX_EXPANSION), for as much as fits. Needs the writer's rights,
 * and nothing from before may still have to be sent. Returns 0; -EAGAIN if the socket must first take what
 * the stream owes (wait until it is writable and call again); another negative errno if the connection must
 * be closed.
 */
int ktls_stream_protect(struct ktls_stream *s, int fd, const void *in, size_t len, uint8_t *out, size_t cap,
	struct ktls_outgoing *outgoing);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
