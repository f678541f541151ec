/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/sending/sip_message.h"

#include "ser/sending/send.h"
#include "ser/shared/lock.h"
#include "ser/shared/log.h"
#include "ser/shared/shortage.h"
#include "uring/address.h"

#include <errno.h>

enum {
	SEALED_MAX = 4 * KTLS_MAX_RECORD, /* fits the core's largest message */
};

/*
 * Sends what is owed before the next write. With records in the kernel, the drainer must not write between a
 * KeyUpdate and the change of the kernel's key. In user space what waits goes first.
 */
int message_respond(struct host_tcp_connection *c, struct conn *conn)
{
	int rc = 0;

	lock_get(&conn->queue.lock);
	if (conn->stream.home == KTLS_HOME_KERNEL || (!c->wbuf_first && !conn->queue.busy))
		rc = ktls_stream_respond(&conn->stream, c->fd);
	lock_release(&conn->queue.lock);
	return rc == -EAGAIN ? 0 : rc;
}

/*
 * With records in the kernel: counts what is about to be written, and first sends what is owed. Only the
 * reader has the descriptor at hand; if another process writes, the reader sends what is owed with its next
 * read.
 */
static int prepare_kernel_write(struct host_tcp_connection *c, struct conn *conn, size_t len)
{
	int rc = ktls_stream_count_write(&conn->stream, len);

	if (!rc && conn->stream.owes && c->reader_pid == my_pid())
		rc = message_respond(c, conn);
	return rc;
}

ssize_t message_protect(struct host_tcp_connection *c, struct conn *conn, const void *in, size_t len,
	const void **out, size_t *taken)
{
	static uint8_t sealed[SEALED_MAX];
	static struct log_limit limit;
	ssize_t n = (ssize_t)len;
	char peer[URING_ADDRESS_TEXT];
	int rc = 0;

	*out = in;
	*taken = len;
	if (conn->stream.home == KTLS_HOME_KERNEL) {
		rc = prepare_kernel_write(c, conn, len);
	} else if (conn->stream.home == KTLS_HOME_USER) {
		n = ktls_stream_seal(&conn->stream, in, len, sealed, sizeof(sealed), taken);
		rc = n < 0 ? (int)n : 0;
		*out = sealed;
	}
	if (!rc)
		return n;
	uring_address_text(&c->rcv.src_su.s, peer);
	ser_log_limited(&limit, LOG_LEVEL_ERROR, "connection with %s closed: %s", peer,
		rc == -EOVERFLOW ? "its key has protected as many records as is safe" : shortage_text(rc));
	return -1;
}

int message_send(
	struct host_tcp_connection *c, struct conn *conn, const char *buf, size_t len, unsigned send_flags)
{
	struct send s;
	const void *out;
	size_t taken;
	ssize_t n = 0;
	int rc = 0;

	rc = send_begin(&s, c, conn);
	c->send_flags |= send_flags;
	while (!rc && len) {
		n = message_protect(c, conn, buf, len, &out, &taken);
		rc = n < 0 ? -1 : send_bytes(&s, out, (size_t)n);
		buf += taken;
		len -= taken;
	}
	if (!rc && (send_flags & HOST_SND_F_CON_CLOSE))
		send_close(&s);
	send_end(&s);
	return rc;
}
