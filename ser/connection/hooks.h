/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hooks: functions that the core calls for TLS connections and listeners. */
#ifndef SER_CONNECTION_HOOKS_H
#define SER_CONNECTION_HOOKS_H

#include "ser/host/layout.h"

/* Registers them with the core. Returns 0, or -1 if TLS is disabled in the core. */
int hooks_register(void);

/* The functions that were registered, nine of them. */
const struct host_tls_hooks *hooks_registered(void);

/*
 * 1, in a supervisor: the connections that this process makes with tcpconn_new() were accepted by engines. 0,
 * the default: they are connections that SER opens.
 */
void hooks_inject(int on);

#endif
