/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event_route[tls:connection-out], or the function of a script in another language that stands for it. */
#ifndef SER_OUTBOUND_EVENT_ROUTE_H
#define SER_OUTBOUND_EVENT_ROUTE_H

#include "ser/host/layout.h"

/* callback: the parameter event_callback, which stays the caller's; NULL where it is not set. */
void event_route_prepare(const char *callback);

/*
 * Runs it for a connection that SER opened and whose handshake is done, in a process that runs scripts, with
 * the selects of the connection. Returns 1 when the script said drop, else 0.
 */
int event_route_connection_out(const struct host_tcp_connection *c);

#endif
