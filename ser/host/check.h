/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the running core is laid out as layout.h says. */
#ifndef SER_HOST_CHECK_H
#define SER_HOST_CHECK_H

#include "ser/host/layout.h"

/* What the module has from the core, and what it has given to it. */
struct host_check_parts {
	const struct host_tls_hooks *hooks; /* as registered */
	const int *sockets;                 /* of the listeners, by number */
	unsigned listener_count;
	struct host_socket_info *(*listener)(unsigned number);
	void (*accepted)(int on); /* hooks_inject() */
};

/*
 * Compares ser/host/layout.h with the running core: its release, sizes in its symbol table, what it writes
 * into structures of ours, connections that it makes from known values, and how it finds these. Call it in
 * the main process when the listeners exist and before any process is forked. Returns 0, or -1 with a log
 * line that says what differs.
 */
int host_check(const struct host_check_parts *parts);

#endif
