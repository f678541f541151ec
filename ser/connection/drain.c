/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/connection/drain.h"

#include "ser/shared/services.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
	READERS_MAX = 1024,
	PATIENCE_SECONDS = 5, /* how long a reader goes on without tcp_main, which gives up earlier */
	LOOK_MS = 2,
	NOBODY = -1, /* instead of an id */
};

struct reader {
	int busy; /* id of the connection, or NOBODY */
	pid_t pid;
};

static struct readers {
	int begun, ending, over;
	unsigned count; /* places taken; more than READERS_MAX: the others are not waited for */
	struct reader all[READERS_MAX];
} * drain; /* in shared memory */

static struct reader *own; /* this process's, or &nowhere */
static struct reader nowhere;
static volatile sig_atomic_t told;

int drain_prepare(void)
{
	drain = services.memory.alloc(sizeof(*drain));
	if (!drain)
		return -ENOMEM;
	memset(drain, 0, sizeof(*drain));
	for (unsigned i = 0; i < READERS_MAX; i++)
		drain->all[i].busy = NOBODY;
	return 0;
}

int drain_is_on(void)
{
	return drain != NULL;
}

void drain_tcp_main_runs(void)
{
	__atomic_store_n(&drain->begun, 1, __ATOMIC_RELEASE);
}

int drain_has_tcp_main(void)
{
	return __atomic_load_n(&drain->begun, __ATOMIC_ACQUIRE);
}

static void give_up(int sig)
{
	(void)sig;
	_exit(0);
}

static void set_alarm(void)
{
	struct itimerval patience = {.it_value = {.tv_sec = PATIENCE_SECONDS}};

	setitimer(ITIMER_REAL, &patience, NULL);
}

static int is_over(void)
{
	return __atomic_load_n(&drain->over, __ATOMIC_ACQUIRE);
}

/* Where tcp_main has died, the alarm ends it. */
static void wait_for_the_end(void)
{
	struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};

	set_alarm();
	while (!is_over())
		nanosleep(&pause, NULL);
	_exit(0);
}

static int is_ending(void)
{
	return told || __atomic_load_n(&drain->ending, __ATOMIC_SEQ_CST);
}

/*
 * tcp_main got the same signal, and it must find this process alive: the core closes connections that it
 * cannot give to a reader.
 */
static void on_signal(int sig)
{
	(void)sig;
	told = 1;
	set_alarm();
	if (is_over() || __atomic_load_n(&own->busy, __ATOMIC_RELAXED) == NOBODY)
		wait_for_the_end();
}

static void begin(void)
{
	struct sigaction quit = {.sa_handler = give_up},
			 end = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	unsigned n = __atomic_fetch_add(&drain->count, 1, __ATOMIC_RELAXED);

	nowhere.busy = NOBODY;
	own = n < READERS_MAX ? &drain->all[n] : &nowhere;
	own->pid = getpid();
	sigaction(SIGALRM, &quit, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
}

void drain_enter(int id)
{
	if (!own)
		begin();
	/* In this order, and drain_begin() in the other: one of the two sees what the other did. */
	__atomic_store_n(&own->busy, id, __ATOMIC_SEQ_CST);
	if (is_ending())
		drain_leave();
}

void drain_leave(void)
{
	__atomic_store_n(&own->busy, NOBODY, __ATOMIC_SEQ_CST);
	if (is_ending())
		wait_for_the_end();
}

void drain_begin(void)
{
	__atomic_store_n(&drain->ending, 1, __ATOMIC_SEQ_CST);
}

static unsigned reader_count(void)
{
	unsigned n = __atomic_load_n(&drain->count, __ATOMIC_SEQ_CST);

	return n < READERS_MAX ? n : READERS_MAX;
}

int drain_is_busy(int id)
{
	for (unsigned i = 0; i < reader_count(); i++)
		if (__atomic_load_n(&drain->all[i].busy, __ATOMIC_SEQ_CST) == id)
			return 1;
	return 0;
}

int drain_is_done(int (*has_reader)(int id))
{
	int id;

	for (unsigned i = 0; i < reader_count(); i++) {
		id = __atomic_load_n(&drain->all[i].busy, __ATOMIC_SEQ_CST);
		/* One that gave its connection back, because that ended, did not say so. */
		if (id != NOBODY && has_reader(id))
			return 0;
	}
	return 1;
}

/* One whose connection ended did not say that it is done, and may never read again. So it is told. */
void drain_end(void)
{
	const struct reader *r;

	__atomic_store_n(&drain->over, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < reader_count(); i++) {
		r = &drain->all[i];
		if (r->pid > 0 && __atomic_load_n(&r->busy, __ATOMIC_SEQ_CST) != NOBODY)
			kill(r->pid, SIGTERM);
	}
}
