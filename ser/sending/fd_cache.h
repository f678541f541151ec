/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cache of descriptors that this process got from tcp_main, so that it need not ask for every message on a
 * connection that SER opened. A connection may be closed meanwhile; the core shuts it down, so writing fails.
 * Its socket, with the keys that the kernel has for it, is there until the last descriptor is closed.
 */
#ifndef SER_SENDING_FD_CACHE_H
#define SER_SENDING_FD_CACHE_H

#include "ser/shared/conn.h"

/* The descriptor for an outbound record, owned by the cache, or -1. */
int fd_cache_get(const struct conn *conn);

/* Takes over fd, which is closed when another one needs its place. Keeps a reference to the outbound record.
 */
void fd_cache_put(struct conn *conn, int fd);

/* Closes what is kept of closed connections. Costs next to nothing unless one was closed since the last call.
 */
void fd_cache_drop_closed(void);

#endif
