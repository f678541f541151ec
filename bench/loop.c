/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "loop.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	EVENTS = 64
};

#define TIMER_ID UINT32_MAX

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

void loop_init(struct loop *l)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = TIMER_ID};

	memset(l, 0, sizeof(*l));
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		err(EXIT_FAILURE, "epoll_create1");
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->timer < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->timer, &event) < 0)
		err(EXIT_FAILURE, "timerfd");
	catch_signals();
}

void loop_add(struct loop *l, struct loop_part *part)
{
	uint32_t first = 0;
	unsigned i = 0;

	for (; l->parts[i]; i++)
		first = l->parts[i]->first + l->parts[i]->connections;
	part->first = first;
	l->parts[i] = part;
}

void loop_watch(struct loop *l, unsigned slot, const struct tally *t)
{
	l->watched[slot] = t;
	l->watched_done[slot] = t->done;
	if (!l->progress_from)
		l->progress_from = l->progress_at = now_ns();
}

void loop_unwatch(struct loop *l)
{
	l->progress_from = 0;
}

static void progress(struct loop *l, uint64_t now)
{
	double step = (double)(now - l->progress_at) / 1e9;

	if (!l->progress_from || step < 1.0)
		return;
	fprintf(stderr, "%5.0f s", (double)(now - l->progress_from) / 1e9);
	for (unsigned i = 0; i < LOOP_PARTS; i++) {
		if (!l->watched[i])
			continue;
		report_progress(l->watched[i], l->watched_done[i], step);
		l->watched_done[i] = l->watched[i]->done;
	}
	fprintf(stderr, "\n");
	l->progress_at = now;
}

void loop_wake_at(struct loop *l, uint64_t at)
{
	struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(at / NS_PER_SEC), .tv_nsec = (long)(at % NS_PER_SEC)},
	};

	if (l->wake == at)
		return;
	if (timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &when, NULL) < 0)
		err(EXIT_FAILURE, "timerfd_settime");
	l->wake = at;
}

static void timer_event(struct loop *l)
{
	uint64_t times;

	if (read(l->timer, &times, sizeof(times)) == (ssize_t)sizeof(times))
		l->wake = 0;
}

static void hand_over(struct loop *l, uint32_t id)
{
	if (id == TIMER_ID) {
		timer_event(l);
		return;
	}
	for (unsigned i = 0; i < LOOP_PARTS && l->parts[i]; i++) {
		struct loop_part *part = l->parts[i];
		if (id - part->first < part->connections) {
			part->event(part->self, id - part->first);
			return;
		}
	}
}

static void sweep(struct loop *l, uint64_t now)
{
	if (now < l->next_sweep)
		return;
	l->next_sweep = now + LOOP_SWEEP_MS * NS_PER_MS;
	for (unsigned i = 0; i < LOOP_PARTS && l->parts[i]; i++)
		l->parts[i]->sweep(l->parts[i]->self, now);
	progress(l, now);
}

void loop_turn(struct loop *l)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(l->epoll, events, EVENTS, LOOP_SWEEP_MS);

	if (count < 0 && errno != EINTR)
		err(EXIT_FAILURE, "epoll_wait");
	for (int i = 0; i < count; i++)
		hand_over(l, events[i].data.u32);
	uint64_t now = now_ns();
	for (unsigned i = 0; i < LOOP_PARTS && l->parts[i]; i++)
		if (l->parts[i]->turn)
			l->parts[i]->turn(l->parts[i]->self, now);
	sweep(l, now);
}

void loop_run(struct loop *l, uint64_t end)
{
	while (now_ns() < end && !loop_stopped())
		loop_turn(l);
}

bool loop_stopped(void)
{
	return stopped != 0;
}

void loop_free(struct loop *l)
{
	close(l->timer);
	close(l->epoll);
}

enum loop_input loop_input(void)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	char byte;

	if (poll(&input, 1, 0) <= 0)
		return LOOP_INPUT_NONE;
	return read(STDIN_FILENO, &byte, 1) > 0 ? LOOP_INPUT_BYTE : LOOP_INPUT_END;
}
