/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections that SER opens.
 *
 * The worker that opens one puts an end of a socketpair, the placeholder, where the core has its socket, and
 * sends the socket to a supervisor (ser/outbound/orders.h), whose engine shakes hands. Meanwhile what is said
 * is kept in shared memory as text. With the keys of the finished handshake comes a byte with the socket over
 * the placeholder: so tcp_main gives the connection to a reader, which puts the socket in the placeholder's
 * place (ser/outbound/descriptor_swap.h) and sends the text. The core's connection, with its id, is one and
 * the same throughout.
 *
 * Nothing here waits for a peer, with tcp_async=yes or no; with no it is the core's own connect() that does.
 */
#ifndef SER_OUTBOUND_OUTBOUND_H
#define SER_OUTBOUND_OUTBOUND_H

#include "ser/host/layout.h"
#include "ser/shared/conn.h"
#include "ser/shared/params.h"

/* Once, before the first fork; texts of the parameters stay the caller's. Returns 0 or a negative errno. */
int outbound_prepare(const struct params *p);

/*
 * The hook on_tcpconn_init for a connection that this process opens. sock is its connected socket, or -1 when
 * the core is about to make one. Returns 0, or -1 with a log line.
 */
int outbound_begin(struct host_tcp_connection *c, int sock);

/*
 * The hook encode, which holds the write lock. Returns 0 when the message is to be written as on any other
 * connection; 1 when it is taken care of; -1 with a log line when the connection must be closed.
 */
int outbound_say(struct host_tcp_connection *c, const char *p, size_t len, unsigned send_flags);

/*
 * The hook read for one that is not up: takes the socket and says what was kept. Returns 0 when it is up from
 * now on, -1 when it is over; the reason is logged.
 */
int outbound_take_over(struct host_tcp_connection *c);

/* The core is done with the connection. */
void outbound_closed(struct conn *conn);

#endif
