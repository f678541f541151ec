/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gives memory back to the system when a burst is over. */
#include "ser/engine/private.h"

#include <malloc.h>

enum {
	BURST = 64,          /* handshakes, also done ones, and relayed connections at once: some MB */
	QUIET_SECONDS = 1,   /* so that a storm with short pauses does not pay for this */
	PART_THAT_STAYS = 4, /* a burst is over when no more than a quarter is left */
};

static unsigned at_once(const struct engine *e)
{
	return uring_server_handshakes(e->server) + uring_server_ready(e->server) +
	       uring_relay_connections(e->relay);
}

static int is_over(const struct engine *e)
{
	return e->peak >= BURST && at_once(e) <= e->peak / PART_THAT_STAYS;
}

static void give_back(struct uring_op *op, int res)
{
	struct engine *e = (struct engine *)((char *)op - offsetof(struct engine, quiet));

	(void)res;
	e->quiet_runs = 0;
	if (!is_over(e))
		return;
	malloc_trim(0);
	e->peak = at_once(e);
}

void engine_watch_memory(struct engine *e)
{
	static struct __kernel_timespec span = {.tv_sec = QUIET_SECONDS};

	if (at_once(e) > e->peak)
		e->peak = at_once(e);
	if (e->quiet_runs || !is_over(e))
		return;
	e->quiet.done = give_back;
	e->quiet_runs = !uring_timeout(e->loop, &e->quiet, &span);
}
