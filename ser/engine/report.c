/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an engine reports about itself on its page of the scoreboard. */
#include "ser/engine/private.h"

enum {
	BEAT_MS = 250,
};

static void turned(struct uring_op *op, int res)
{
	struct engine *e = (struct engine *)((char *)op - offsetof(struct engine, beat));

	(void)res;
	e->beat_runs = 0;
}

/* The loop of an idle engine would not turn, and its supervisor would believe that it hangs. */
static void turn_again_soon(struct engine *e)
{
	static struct __kernel_timespec span = {.tv_nsec = BEAT_MS * 1000000L};

	if (e->beat_runs)
		return;
	e->beat.done = turned;
	e->beat_runs = !uring_timeout(e->loop, &e->beat, &span);
}

void engine_report(struct engine *e)
{
	__atomic_store_n(&e->page->handshakes,
		uring_server_handshakes(e->server) + uring_client_count(e->client), __ATOMIC_RELAXED);
	__atomic_store_n(&e->page->ready, uring_server_ready(e->server), __ATOMIC_RELAXED);
	__atomic_store_n(&e->page->relayed, uring_relay_connections(e->relay), __ATOMIC_RELAXED);
	__atomic_add_fetch(&e->page->beat, 1, __ATOMIC_RELAXED);
	ktls_late_expire(e->late);
	turn_again_soon(e);
}
