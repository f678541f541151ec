/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TLS listeners. The core opens them, and the engine accepts on them. In the core's table each is
 * replaced by a listening AF_UNIX socket that nobody connects to, because tcp_main needs something to poll.
 */
#ifndef SER_CONNECTION_LISTENERS_H
#define SER_CONNECTION_LISTENERS_H

#include "ser/host/layout.h"

enum {
	LISTENERS_MAX = 256,
};

/* The hook init_si: lets the core open si and keeps its socket. Returns 0, or -1 with a log line. */
int listeners_take(struct host_socket_info *si);

/* The TCP sockets of all listeners so far, in blocking mode, by number; *count of them. */
const int *listeners_all(unsigned *count);

/* The core's listener with that number, which must be less than the count. */
struct host_socket_info *listeners_core(unsigned number);

/* Closes this process's copies. */
void listeners_close(void);

/*
 * Ends listening in all processes at once. A dead process's ring lives on for a moment, and so does a
 * listener with an accept under way; the next start would find its port in use.
 */
void listeners_stop(void);

/*
 * Makes the core's tcp_main accept something on a replacement socket, which calls the hook on_tcpconn_init
 * there. Async-signal-safe. Returns 0 or -1.
 */
int listeners_wake_tcp_main(void);

#endif
