/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends a close_notify to every peer when the server ends.
 *
 * The core ends its processes from inside their signal handlers, where records cannot be protected. tcp_main,
 * which holds all descriptors, therefore gets a handler that only makes a replacement listener readable; the
 * core's own loop then calls a hook at a moment when its tables are consistent.
 */
#ifndef SER_CONNECTION_SHUTDOWN_H
#define SER_CONNECTION_SHUTDOWN_H

/* Installs the handler for SIGTERM and SIGINT; call it in tcp_main. */
void shutdown_prepare(void);

/* Called by a hook: if a signal asked for it, sends close_notify to all peers and ends the process. */
void shutdown_check(void);

#endif
