/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core's table of TCP connections, and which connection a message came over. */
#ifndef SER_HOST_CONNECTIONS_H
#define SER_HOST_CONNECTIONS_H

#include "ser/host/layout.h"
#include "ser/shared/conn.h"

/* The connection with this id, or NULL. Needs the core's lock, tcpconn_lock. */
struct host_tcp_connection *host_find_connection(int id);

/* 1 if there is one. Takes that lock. */
int host_knows_connection(int id);

/* 1 if the core's table has one with the same addresses and ports. */
int host_has_connection(struct host_tcp_connection *c);

/* 1 for one of our connections; a WebSocket may run over it. */
int host_is_tls(const struct host_tcp_connection *c);

/* Says that this process now works on conn, so that selects for its messages need no lock. */
void host_work_for(struct conn *conn);

/*
 * The record of the connection that a message came over, with a reference for the caller (conn_put()). NULL
 * if it was not a TLS connection (a WebSocket may run over one) or is gone. Takes the core's connection lock
 * only if this process is not the one that reads the connection.
 */
struct conn *host_conn_of_message(const struct host_sip_msg *msg);

#endif
