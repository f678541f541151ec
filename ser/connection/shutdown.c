/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/connection/shutdown.h"

#include "ser/connection/hooks.h"
#include "ser/connection/listeners.h"
#include "ser/host/layout.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 500, /* how long tcp_main may take to come to its loop */
	OTHERS_END_MS = 20,
};

static volatile sig_atomic_t ending;

static void give_up(int sig)
{
	(void)sig;
	_exit(0);
}

static void no_log(struct host_log_data *data, const char *format, ...)
{
	(void)data;
	(void)format;
}

static void on_signal(int sig)
{
	struct itimerval patience = {.it_value = {.tv_usec = PATIENCE_MS * 1000}};

	(void)sig;
	if (ending)
		return;
	ending = 1;
	/* Keeps this process's log quiet from here on: the core finds the address of an AF_UNIX peer
	 * critical. */
	_ksr_slog_func = no_log;
	if (listeners_wake_tcp_main() || setitimer(ITIMER_REAL, &patience, NULL))
		_exit(0);
}

void shutdown_prepare(void)
{
	struct sigaction quit = {.sa_handler = give_up}, end = {.sa_handler = on_signal};

	sigaction(SIGALRM, &quit, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
}

/*
 * Every other process has the same signal: within this time who holds a lock lets go of it or is dead, with
 * the lock held. The core, too, frees its locks by force when it ends.
 */
static void let_others_end(void)
{
	struct timespec pause = {.tv_nsec = OTHERS_END_MS * 1000000L};

	nanosleep(&pause, NULL);
}

void shutdown_check(void)
{
	struct host_tcp_connection *c;

	if (!ending)
		return;
	let_others_end();
	for (unsigned i = 0; i < HOST_ID_HASH_SIZE; i++)
		for (c = tcpconn_id_hash[i]; c; c = c->id_next)
			if (c->type == HOST_PROTO_TLS || c->type == HOST_PROTO_WSS)
				hooks_say_goodbye(c);
	_exit(0);
}
