/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other ports under which the core finds a connection (force_tcp_alias() and the like), for connections that
 * outlived a restart.
 */
#ifndef SER_CONNECTION_ALIASES_H
#define SER_CONNECTION_ALIASES_H

#include "uring/loop.h"

#include <stdint.h>

void aliases_init(struct uring_loop *loop);

/* Adds them as soon as tcp_main knows the connection. */
void aliases_restore(int id, const uint16_t *ports, unsigned count);

#endif
