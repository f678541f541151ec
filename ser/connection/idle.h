/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets how long a connection may be silent before its first message.
 *
 * A connection that another process hands to the core starts with tcp_connection_lifetime; the TLS
 * connections' own time (connection_timeout) only applies after the first message was read. This corrects it
 * a moment after the connection was handed over.
 */
#ifndef SER_CONNECTION_IDLE_H
#define SER_CONNECTION_IDLE_H

#include "uring/loop.h"

/* Call it once in each process that injects connections. */
void idle_init(struct uring_loop *loop);

/* A connection with this id was given to tcp_main. If memory is short, the core's time stays. */
void idle_watch(int id);

#endif
