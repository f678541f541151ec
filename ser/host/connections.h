/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core's table of TCP connections, and which connection a message came over. */
#ifndef SER_HOST_CONNECTIONS_H
#define SER_HOST_CONNECTIONS_H

#include "ser/host/layout.h"
#include "ser/shared/conn.h"

/* The connection with this id, or NULL. Needs the core's lock, tcpconn_lock. */
struct host_tcp_connection *host_find_connection(int id);

/* 1 for a connection of ours; a WebSocket may lie in it. */
int host_is_tls(const struct host_tcp_connection *c);

/* Says that this process now works for conn: selects of its messages are answered without any lock. */
void host_work_for(struct conn *conn);

/*
 * The record of the connection that a message came over, with a reference for the caller (conn_put()), or
 * NULL when it was no TLS connection (a WebSocket may lie in one) or is gone. Takes the core's connection
 * lock only when this process is not the one that reads the connection.
 */
struct conn *host_conn_of_message(const struct host_sip_msg *msg);

#endif
