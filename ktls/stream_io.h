/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream for a caller that receives and sends by itself, with io_uring for one (uring/stream.h), and from
 *the end of the handshake on. The rules of ktls/stream.h hold.
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

/*
 * Starts a stream from a handshake that is done and whose output is sent: its records go to the kernel where
 * caps says that it takes them, else they stay in user space. caps may be NULL: then all do. h may be freed
 * afterwards. Returns 0; -EOPNOTSUPP for a suite without an AEAD, whose connection OpenSSL has to go on with
 * (ktls_handshake_take_ssl(), uring/relay.h); -EPIPE when the kernel took one direction only and the socket
 * can but be closed; -ENOMEM or -EIO. On error there is no stream.
 */
int ktls_stream_start(
	struct ktls_stream *s, int fd, const struct ktls_handshake *h, const struct ktls_kernel_caps *caps);

/* One receiving call. It must stay where it is until that has ended. */
struct ktls_receive {
	struct msghdr msg;
	struct iovec iov;
	_Alignas(size_t) char control[CMSG_SPACE(sizeof(unsigned char))];
};

/*
 * Makes in->msg fit for one recvmsg(2) on the stream's socket, which will receive into buf (len bytes, at
 * least 1; a part of them where the stream keeps bytes already). A call that waits is safe for
 * KTLS_HOME_USER; in the kernel's home use MSG_DONTWAIT behind a poll, for a part of a record makes the
 * socket readable and gives nothing.
 */
void ktls_stream_receive(const struct ktls_stream *s, struct ktls_receive *in, void *buf, size_t len);

/*
 * Takes what that recvmsg() gave: result is its return value, or its negative errno (-EAGAIN where there was
 * nothing). From then on as ktls_stream_read(), with the content at the start of buf: returns its length,
 * r->end says whether the connection goes on; r->drained only that there was nothing to receive. While
 * r->more is 1, ktls_stream_read() must be called before something else is received.
 */
ssize_t ktls_stream_received(struct ktls_stream *s, int fd, struct ktls_receive *in, ssize_t result,
	const struct ktls_allocator *mem, struct ktls_read *r);

/* What has to be sent, all of it and in this order, before any other bytes. */
struct ktls_outgoing {
	const void *bytes; /* inside in or out */
	size_t len;
	size_t taken; /* so much of the content is in it */
};

/*
 * Makes what has to be written to the socket for content: in the kernel's home the content itself, else
 * records in out (cap bytes, more than KTLS_MAX_EXPANSION), for as much as fits. Needs the writer's rights,
 * with nothing of before still to be sent. Returns 0; -EAGAIN when the socket must take what the stream owes
 * first: wait until it is writable and call again; another negative errno when the connection must be closed.
 */
int ktls_stream_protect(struct ktls_stream *s, int fd, const void *in, size_t len, uint8_t *out, size_t cap,
	struct ktls_outgoing *outgoing);

#pragma GCC visibility pop

#endif
