/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions that the core calls for TLS connections and listeners. */
#ifndef SER_CONNECTION_HOOKS_H
#define SER_CONNECTION_HOOKS_H

#include "ser/host/layout.h"

/* Registers them with the core. Returns 0, or -1 when TLS is disabled in the core. */
int hooks_register(void);

/* What was registered: nine functions. */
const struct host_tls_hooks *hooks_registered(void);

/*
 * 1, in a supervisor: connections that this process makes with tcpconn_new() are those that engines accepted;
 * 0, the default: they are such that SER opens.
 */
void hooks_inject(int on);

#endif
