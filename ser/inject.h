/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hands connections of the engine over to the core's tcp_main, as a worker does with one it opened. */
#ifndef SER_INJECT_H
#define SER_INJECT_H

#include "ser/conn.h"
#include "uring/loop.h"

/* Call it once in the engine process. */
void inject_init(struct uring_loop *loop);

/*
 * Whether shared memory has room for the core's part of a connection: the core itself would say it in a line
 * that is not limited and names no remedy. Returns 0 or -ENOSPC; no promise, other processes allocate, too.
 */
int inject_room(void);

/*
 * Gives the core a TLS connection: fd, its addresses, the listener it came in on, and the record, whose
 * reference the core takes over. fd is closed in this process in any case. Never waits: what tcp_main cannot
 * take at once is queued. Returns 0; -ENOMEM when shared memory is used up, or what sendmsg() gave: then
 * connection and record are gone.
 */
int inject(int fd, const void *remote, const void *local, struct host_socket_info *si, struct conn *conn);

/* Connections queued for tcp_main. */
unsigned inject_queued(void);

#endif
