/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Orders for handshakes: a process of SER's has a TCP connection that it opened secured by an engine. Each
 * supervisor takes orders and keeps them until its engine is done (ser/supervisor/orders.h).
 */
#ifndef SER_OUTBOUND_ORDERS_H
#define SER_OUTBOUND_ORDERS_H

#include "ser/shared/conn.h"

/* Once, before the first fork. Returns 0 or a negative errno. */
int orders_prepare(unsigned engines);

/*
 * In any process: has the TCP socket fd secured for an outbound record; far_end is the other end of its
 * placeholder. Both descriptors stay the caller's. Returns 0; -EAGAIN when too many orders wait; another
 * negative errno.
 */
int orders_send(struct conn *conn, int fd, int far_end);

/* Session tickets that came on such a connection; where they do not get through, nothing is resumed. */
void orders_bring_tickets(const struct conn *conn, const uint8_t *messages, size_t len);

/* What a supervisor takes: an order with its two descriptors, or tickets. */
union orders_message {
	struct conn *conn; /* a reference; with fd and far_end */
	struct message_tickets tickets;
};

/* The end of the channel that supervisor number engine reads: SOCK_SEQPACKET. */
int orders_channel(unsigned engine);

#endif
