/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs event_route[tls:connection-out], or the KEMI function that replaces it. */
#ifndef SER_OUTBOUND_EVENT_ROUTE_H
#define SER_OUTBOUND_EVENT_ROUTE_H

#include "ser/host/layout.h"

/* callback is the parameter event_callback, which must stay; NULL if it is not set. */
void event_route_prepare(const char *callback);

/*
 * Runs it for a connection that SER opened and whose handshake is done, in a process that runs scripts, with
 * the connection's selects. Returns 1 if the script said drop, else 0.
 */
int event_route_connection_out(const struct host_tcp_connection *c);

#endif
