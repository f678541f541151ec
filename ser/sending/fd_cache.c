/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/sending/fd_cache.h"

#include "ser/shared/scoreboard.h"

#include <unistd.h>

enum {
	PLACES = 64,
};

static struct {
	struct conn *conn; /* a reference; NULL: the place is free */
	int fd;
} cache[PLACES];

static void empty(unsigned place)
{
	close(cache[place].fd);
	conn_put(cache[place].conn);
	cache[place].conn = NULL;
}

int fd_cache_get(const struct conn *conn)
{
	unsigned place = conn->serial % PLACES;

	return cache[place].conn == conn ? cache[place].fd : -1;
}

void fd_cache_put(struct conn *conn, int fd)
{
	unsigned place = conn->serial % PLACES;

	if (cache[place].conn)
		empty(place);
	cache[place].conn = conn_get(conn);
	cache[place].fd = fd;
}

void fd_cache_drop_closed(void)
{
	static uint32_t seen;
	uint32_t now = scoreboard_outbound_closed();

	if (now == seen)
		return;
	seen = now;
	for (unsigned i = 0; i < PLACES; i++)
		if (cache[i].conn && __atomic_load_n(&cache[i].conn->outbound->closed, __ATOMIC_RELAXED))
			empty(i);
}
