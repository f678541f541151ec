/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connect orders: with them one of SER's processes asks for the TLS handshake on a TCP connection that it
 * opened. Each supervisor takes orders and keeps them until its engine is done (ser/supervisor/orders.h).
 */
#ifndef SER_OUTBOUND_ORDERS_H
#define SER_OUTBOUND_ORDERS_H

#include "ser/shared/conn.h"

/* Call it once, before the first fork. Returns 0 or a negative errno. */
int orders_prepare(unsigned engines);

/*
 * In any process: orders the handshake on the TCP socket fd for an outbound record; far_end is the other end
 * of its placeholder. The caller keeps both descriptors. Returns 0; -EAGAIN if too many orders wait; another
 * negative errno.
 */
int orders_send(struct conn *conn, int fd, int far_end);

/* Passes on session tickets that came on such a connection. If they get lost, nothing is resumed. */
void orders_bring_tickets(const struct conn *conn, const uint8_t *messages, size_t len);

/*
 * What a supervisor reads: an order with its two descriptors, or tickets. The pointer may be followed: it is
 * into shared memory, which all of SER's processes have at the same place because they are forks of one, and
 * only they write to this channel. An engine has neither that memory nor this channel.
 */
union orders_message {
	struct conn *conn; /* a reference; comes with fd and far_end */
	struct message_tickets tickets;
};

/* The end of the channel that supervisor number engine reads: SOCK_SEQPACKET. */
int orders_channel(unsigned engine);

#endif
