/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TLS listeners: the core opens them, the engine accepts on them. In the core's table each is replaced by
 * a listening AF_UNIX socket that nobody connects to, because tcp_main insists on something to poll.
 */
#ifndef SER_CONNECTION_LISTENERS_H
#define SER_CONNECTION_LISTENERS_H

#include "ser/host/layout.h"

enum {
	LISTENERS_MAX = 256,
};

/* Hook init_si: lets the core open si and keeps its socket. Returns 0, or -1 with a log line. */
int listeners_take(struct host_socket_info *si);

/* The TCP sockets of all that were taken, in blocking mode, by their numbers; *count of them. */
const int *listeners_all(unsigned *count);

/* The core's listener with that number, which must be below that count. */
struct host_socket_info *listeners_core(unsigned number);

/* Closes this process's copies. */
void listeners_close(void);

/*
 * Ends listening in all processes at once. The ring of a process that has ended lives on for a moment, and
 * with an accept that was under way its listener: the next start would find its port in use.
 */
void listeners_stop(void);

/*
 * Makes the core's tcp_main accept something on a replacement socket, which calls the hook on_tcpconn_init
 * there. Async-signal-safe. Returns 0 or -1.
 */
int listeners_wake_tcp_main(void);

#endif
