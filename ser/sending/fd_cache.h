/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors that this process got from tcp_main, so that not every message costs a question. As with the
 * core's own cache, a connection may be closed meanwhile: the core shuts it down, and writing fails.
 */
#ifndef SER_SENDING_FD_CACHE_H
#define SER_SENDING_FD_CACHE_H

#include <stdint.h>

/* The descriptor of the record with that serial number, the cache's; -1 when it has none. */
int fd_cache_get(uint32_t serial);

/* Takes fd over; it is closed when another needs its place. */
void fd_cache_put(uint32_t serial, int fd);

#endif
