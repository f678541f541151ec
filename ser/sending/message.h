/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said to a peer, on its way through the connection's stream. All needs the core's write lock. */
#ifndef SER_SENDING_MESSAGE_H
#define SER_SENDING_MESSAGE_H

#include "ser/host/layout.h"
#include "ser/shared/conn.h"

/*
 * What to write for content: *out of the returned length, which is protected where SER does that and then
 * valid until the next call, and covers *taken bytes. -1 with a log line where the connection must be closed.
 */
ssize_t message_protect(struct host_tcp_connection *c, struct conn *conn, const void *in, size_t len,
	const void **out, size_t *taken);

/*
 * Writes or queues a whole message, so that the core gets nothing to write: with tcp_async=no it would wait
 * for the peer, and of an outbound connection its processes may have cached a placeholder. Returns 0, or -1
 * with a log line when the connection must be closed.
 */
int message_send(
	struct host_tcp_connection *c, struct conn *conn, const char *buf, size_t len, unsigned send_flags);

/* In the process that reads c: sends what the stream owes where that is possible now. Returns 0 or a negative
 * errno. */
int message_respond(struct host_tcp_connection *c, struct conn *conn);

#endif
