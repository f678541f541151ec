/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sends messages through the connection's stream. Everything here needs the core's write lock. */
#ifndef SER_SENDING_SIP_MESSAGE_H
#define SER_SENDING_SIP_MESSAGE_H

#include "ser/host/layout.h"
#include "ser/shared/conn.h"

/*
 * Makes what must be written for content: *out, of the returned length, which covers *taken bytes. If SER
 * protects records itself, *out holds records and is valid until the next call. Returns -1 with a log line if
 * the connection must be closed.
 */
ssize_t message_protect(struct host_tcp_connection *c, struct conn *conn, const void *in, size_t len,
	const void **out, size_t *taken);

/*
 * Writes or queues a whole message, so that the core has nothing to write. With tcp_async=no the core would
 * wait for the peer, and for an outbound connection its processes may have cached a placeholder. Returns 0,
 * or -1 with a log line if the connection must be closed.
 */
int message_send(
	struct host_tcp_connection *c, struct conn *conn, const char *buf, size_t len, unsigned send_flags);

/*
 * In the process that reads c: sends what the stream owes, if that is possible now. Returns 0 or a negative
 * errno.
 */
int message_respond(struct host_tcp_connection *c, struct conn *conn);

#endif
