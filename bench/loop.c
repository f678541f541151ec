/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "loop.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void on_stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void catch_signals(void)
{
	struct sigaction stop = {.sa_handler = on_stop};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

void loop_init(struct loop *l, enum mode mode, struct tally *tally)
{
	memset(l, 0, sizeof(*l));
	l->mode = mode;
	l->tally = tally;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		err(EXIT_FAILURE, "epoll_create1");
	catch_signals();
}

void loop_start_clock(struct loop *l)
{
	l->tally->started = l->tally->ended = l->progress_at = now_ns();
}

void loop_stop_clock(struct loop *l)
{
	l->tally->ended = now_ns();
	l->progress_at = 0;
}

static void progress(struct loop *l, uint64_t now)
{
	if (!l->progress_at || now - l->progress_at < NS_PER_SEC)
		return;
	l->tally->ended = now;
	report_progress(l->tally, l->mode, l->progress_done, (double)(now - l->progress_at) / 1e9);
	l->progress_at = now;
	l->progress_done = l->tally->done;
}

int loop_turn(struct loop *l)
{
	int count = epoll_wait(l->epoll, l->events, LOOP_EVENTS, LOOP_SWEEP_MS);
	if (count < 0 && errno != EINTR)
		err(EXIT_FAILURE, "epoll_wait");

	uint64_t now = now_ns();
	l->sweep = now >= l->next_sweep;
	if (l->sweep) {
		l->next_sweep = now + LOOP_SWEEP_MS * NS_PER_MS;
		progress(l, now);
	}
	return count < 0 ? 0 : count;
}

bool loop_stopped(void)
{
	return stopped != 0;
}

void loop_free(struct loop *l)
{
	close(l->epoll);
}
