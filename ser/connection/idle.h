/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a connection may be silent before its first message.
 *
 * The core gives a connection that another process hands to it tcp_connection_lifetime for a start; the TLS
 * connections' own time (connection_timeout) counts only after the first message was read. This mends it, a
 * moment after the connection was handed over.
 */
#ifndef SER_CONNECTION_IDLE_H
#define SER_CONNECTION_IDLE_H

#include "uring/loop.h"

/* Call it once in each process that injects connections. */
void idle_init(struct uring_loop *loop);

/* A connection with this id was given to tcp_main. Where memory is short the core's time stays. */
void idle_watch(int id);

#endif
