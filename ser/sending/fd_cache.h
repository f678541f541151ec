/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cache of descriptors that this process got from tcp_main, so that it need not ask for every message. As
 * with the core's own cache, a connection may be closed meanwhile; the core shuts it down, so writing fails.
 */
#ifndef SER_SENDING_FD_CACHE_H
#define SER_SENDING_FD_CACHE_H

#include <stdint.h>

/* The descriptor for the record with that serial number, owned by the cache, or -1. */
int fd_cache_get(uint32_t serial);

/* Takes over fd, which is closed when another one needs its place. */
void fd_cache_put(uint32_t serial, int fd);

#endif
