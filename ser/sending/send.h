/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends records and text in place of the core, which would wait until the peer reads (tcp_async=no), and for
 * connections that SER opened. What the socket does not take at once goes into the send queue. On all other
 * connections the core writes and queues by itself, and only send_alert() is used.
 *
 * Everything here needs the connection's write lock and never waits for a peer.
 */
#ifndef SER_SENDING_SEND_H
#define SER_SENDING_SEND_H

#include "ser/shared/conn.h"

/* A message that is being sent, maybe in several pieces. */
struct send {
	struct host_tcp_connection *c;
	struct conn *conn;
	int fd;  /* -1: there is none, but bytes wait behind which these can go */
	int own; /* it came from tcp_main, for this message only */
};

/*
 * Gets the descriptor. If tcp_main has to be asked for it, the write lock is released meanwhile, so others
 * may have written. Returns 0, or -1 if the connection must be closed; the reason is logged.
 */
int send_begin(struct send *s, struct host_tcp_connection *c, struct conn *conn);

/*
 * Writes or queues bytes after everything that was sent before. Returns 0, or -1 if the connection must be
 * closed; the reason is logged.
 */
int send_bytes(struct send *s, const void *p, size_t len);

/*
 * For the send flag that closes the connection after the message: sends close_notify and tells tcp_main, for
 * which the write lock is released.
 */
void send_close(struct send *s);

void send_end(struct send *s);

/* Sends a connection's last alert, or queues it after what waits. */
void send_alert(struct conn *conn, int fd, uint8_t description);

/*
 * In tcp_main, which is about to close fd: gives the drainer send_timeout seconds to send what waits, with
 * its own descriptor. The core's descriptor is replaced, because the core shuts the socket down if processes
 * cache descriptors.
 */
void send_let_finish(struct conn *conn, int fd);

#endif
