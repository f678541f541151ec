/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/tick.h"

#include "ser/host/layout.h"
#include "ser/host/services.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"

enum {
	PERIOD_MS = 100,
};

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
	static struct __kernel_timespec period = {.tv_nsec = PERIOD_MS * 1000000L};

	return uring_timeout(loop, &timer, &period);
}

static void tick(struct uring_op *op, int res)
{
	(void)op;
	(void)res;
	host_publish_load();
	pass_rejects_on();
	if (wait_for_next())
		ser_log(LOG_LEVEL_CRITICAL,
			"limits of TLS connections are not kept any more: the supervisor's ring is full");
}

int tick_start(struct uring_loop *l)
{
	loop = l;
	timer.done = tick;
	return wait_for_next();
}
