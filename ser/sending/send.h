/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sending with tcp_async=no. The core would wait in such a write until the peer reads, and with it a worker;
 * here what the socket does not take at once is queued. With tcp_async=yes the core queues by itself, and
 * only send_alert() is used.
 *
 * Everything here needs the connection's write lock and never waits for a peer.
 */
#ifndef SER_SENDING_SEND_H
#define SER_SENDING_SEND_H

#include "ser/shared/conn.h"

/* One message on its way out, which may be written in several pieces. */
struct send {
	struct host_tcp_connection *c;
	struct conn *conn;
	int fd;  /* -1 as long as none was needed */
	int own; /* it came from tcp_main for this message */
};

void send_begin(struct send *s, struct host_tcp_connection *c, struct conn *conn);

/* Writes or queues bytes behind all that was sent before. Returns 0, or -1 when the connection must be
 * closed; the reason is logged. */
int send_bytes(struct send *s, const void *p, size_t len);

/* For the send flag that closes the connection behind the message: says close_notify and tells tcp_main. */
void send_close(struct send *s);

void send_end(struct send *s);

/* Sends an alert, the last one of a connection, or queues it behind what waits. */
void send_alert(struct conn *conn, int fd, uint8_t description);

/*
 * In tcp_main, which is about to close fd: what waits gets send_timeout to leave, with the drainer's
 * descriptor. The core's own is replaced, because it shuts the socket down where processes cache descriptors.
 */
void send_let_finish(struct conn *conn, int fd);

#endif
