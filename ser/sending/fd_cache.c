/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/sending/fd_cache.h"

#include <unistd.h>

enum {
	PLACES = 64,
};

static struct {
	uint32_t serial; /* 0: the entry is free */
	int fd;
} cache[PLACES];

int fd_cache_get(uint32_t serial)
{
	return cache[serial % PLACES].serial == serial ? cache[serial % PLACES].fd : -1;
}

void fd_cache_put(uint32_t serial, int fd)
{
	if (cache[serial % PLACES].serial)
		close(cache[serial % PLACES].fd);
	cache[serial % PLACES].serial = serial;
	cache[serial % PLACES].fd = fd;
}
