/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Outbound connections: those that SER opens.
 *
 * The worker that opens one replaces the core's socket with one end of a socketpair, the placeholder, and
 * sends the socket to a supervisor (ser/outbound/orders.h), whose engine does the handshake. Messages are
 * kept in shared memory as plain text meanwhile. When the handshake is done, the socket comes with a byte
 * over the placeholder. So tcp_main gives the connection to a reader, which puts the socket in the
 * placeholder's place (ser/outbound/descriptor_swap.h) and sends the kept text. The core has the same
 * connection with the same id throughout.
 *
 * Nothing here waits for a peer, whatever tcp_async is; with tcp_async=no the core's own connect() does.
 */
#ifndef SER_OUTBOUND_OUTBOUND_H
#define SER_OUTBOUND_OUTBOUND_H

#include "ser/host/layout.h"
#include "ser/shared/conn.h"
#include "ser/shared/params.h"

/* Call it once, before the first fork; the parameters' texts must stay. Returns 0 or a negative errno. */
int outbound_prepare(const struct params *p);

/*
 * The hook on_tcpconn_init for a connection that this process opens. sock is its connected socket, or -1 if
 * the core is about to open one. Returns 0, or -1 with a log line.
 */
int outbound_begin(struct host_tcp_connection *c, int sock);

/*
 * The hook encode, which holds the write lock. Returns 0 if the message should be written as on any other
 * connection; 1 if it was taken care of; -1 with a log line if the connection must be closed.
 */
int outbound_say(struct host_tcp_connection *c, const char *p, size_t len, unsigned send_flags);

/*
 * The hook read for a connection that is not established yet: takes the socket and sends what was kept.
 * Returns 0 if it is established from now on, -1 if it is over; the reason is logged.
 */
int outbound_take_over(struct host_tcp_connection *c);

/*
 * In tcp_main, before it closes fd, its descriptor of the connection. A socket that is on its way over the
 * placeholder is closed: other processes' copies of the placeholder, in the core's cache, would keep it open.
 */
void outbound_closing(struct conn *conn, int fd);

/* The core has closed the connection. */
void outbound_closed(struct conn *conn);

#endif
