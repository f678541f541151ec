/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/tick.h"

#include "ser/host/layout.h"
#include "ser/host/services.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"
#include "ser/supervisor/engine_watch.h"
#include "ser/supervisor/expiry_watch.h"
#include "ser/supervisor/orders.h"
#include "ser/supervisor/private.h"
#include "ser/supervisor/reload.h"
#include "ser/supervisor/staple_watch.h"

#include <unistd.h>

static struct uring_op timer;
static struct uring_loop *loop;

/* The core counts connections that it refused itself; ours are added. */
static void pass_rejects_on(void)
{
	uint64_t sum = scoreboard_sum(COUNTER_REJECTS);

	host_count_more(
		tcp_cnts_h.local_reject, (long)(sum - scoreboard_exchange_known(COUNTER_REJECTS, sum)));
}

static int wait_for_next(void)
{
	static struct __kernel_timespec period = {.tv_nsec = 1000000000L / TICKS_A_SECOND};

	return uring_timeout(loop, &timer, &period);
}

static void tick(struct uring_op *op, int res)
{
	(void)op;
	(void)res;
	host_publish_load();
	pass_rejects_on();
	engine_watch();
	engine_processes_tick();
	orders_tick();
	reload_look();
	staple_watch();
	expiry_watch();
	__atomic_add_fetch(&scoreboard_engines[supervisor.index].beat, 1, __ATOMIC_RELAXED);
	if (wait_for_next())
		ser_log(LOG_LEVEL_CRITICAL, "limits of TLS connections are not kept and engines not watched "
					    "any more: the supervisor's ring is full");
}

int tick_start(struct uring_loop *l)
{
	loop = l;
	timer.done = tick;
	scoreboard_engines[supervisor.index].supervisor = getpid();
	/* From now on silence counts: one that hangs before its first tick must be noticed, too. */
	__atomic_store_n(&scoreboard_engines[supervisor.index].beat, 1, __ATOMIC_RELAXED);
	return wait_for_next();
}
