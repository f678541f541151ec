/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions that the core calls for TLS connections and listeners. */
#ifndef SER_CONNECTION_HOOKS_H
#define SER_CONNECTION_HOOKS_H

#include "ser/host/layout.h"

/* Registers them with the core. Returns 0, or -1 when TLS is disabled in the core. */
int hooks_register(void);

/* True when the core holds exactly the hooks registered above. */
int hooks_are_registered(void);

/*
 * 1, in a supervisor: connections that this process makes with tcpconn_new() are those that engines accepted;
 * 0, the default: they are such that SER opens.
 */
void hooks_inject(int on);

/*
 * For the end of the server, when all other processes have been told to end: sends close_notify on c without
 * waiting for its write lock, whose holder may be dead, unless a part of a record still waits to be written.
 */
void hooks_say_goodbye(struct host_tcp_connection *c);

#endif
