/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/connection/shutdown.h"

#include "ser/connection/drain.h"
#include "ser/connection/keep.h"
#include "ser/connection/listeners.h"
#include "ser/host/connections.h"
#include "ser/host/layout.h"
#include "ser/shared/conn.h"

#include <limits.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 3000, /* how long tcp_main may take to get back to its loop, on a busy machine, too */
	DRAIN_MS = 2000,    /* how long readers may work on what they have read */
	LOOK_MS = 10,       /* between two looks at them */
	OTHERS_END_MS = 20,
};

static volatile sig_atomic_t ending, looks;
static void (*core_log)(struct host_log_data *data, const char *format, ...);

static _Noreturn void end(void)
{
	if (drain_is_on())
		drain_end();
	_exit(0);
}

/* tcp_main's loop goes on until the readers have finished, because they may need a descriptor of it. */
static void on_alarm(int sig)
{
	(void)sig;
	if (!drain_is_on() || ++looks > PATIENCE_MS / LOOK_MS)
		end();
	listeners_wake_tcp_main();
}

static void no_log(struct host_log_data *data, const char *format, ...)
{
	(void)data;
	(void)format;
}

static void on_signal(int sig)
{
	int ms = drain_is_on() ? LOOK_MS : PATIENCE_MS;
	struct timeval period = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	struct itimerval alarms = {period, period};

	(void)sig;
	if (ending)
		return;
	ending = 1;
	/*
	 * Silences this process's log from here on, because the core would log an AF_UNIX peer's address as
	 * critical.
	 */
	core_log = _ksr_slog_func;
	_ksr_slog_func = no_log;
	/* Else the core would not even look at the connection that is to wake it. */
	tcp_cfg->max_connections = tcp_cfg->max_tls_connections = INT_MAX;
	if (listeners_wake_tcp_main() || setitimer(ITIMER_REAL, &alarms, NULL))
		end();
}

void shutdown_prepare(void)
{
	struct sigaction quit = {.sa_handler = on_alarm}, end = {.sa_handler = on_signal};

	sigaction(SIGALRM, &quit, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	if (drain_is_on())
		drain_tcp_main_runs();
}

/*
 * Every other process got the same signal. Within this time a process that holds a lock releases it or is
 * dead. The core, too, frees its locks by force when it ends.
 */
static void let_others_end(void)
{
	struct timespec pause = {.tv_nsec = OTHERS_END_MS * 1000000L};

	nanosleep(&pause, NULL);
}

/*
 * Takes no lock, because its holder may be dead. What we queued is lost with the drainer. Where a part of a
 * record still waits to be written, an alert would damage it.
 */
static void say_goodbye(struct host_tcp_connection *c)
{
	struct conn *conn = c->extra_data;

	if (!conn || c->s <= 0 || c->wbuf_first || conn->sent_last || send_queue_is_busy(&conn->queue) ||
		!conn_is_established(conn))
		return;
	conn->sent_last = 1;
	ktls_stream_send_alert(&conn->stream, c->s, KTLS_CLOSE_NOTIFY);
}

static int has_reader(int id)
{
	const struct host_tcp_connection *c = host_find_connection(id);

	return c && c->flags & HOST_F_CONN_READER;
}

static int readers_work(void)
{
	if (!drain_is_on() || looks > DRAIN_MS / LOOK_MS)
		return 0;
	drain_begin();
	return !drain_is_done(has_reader);
}

static void end_connection(struct host_tcp_connection *c, int keeping)
{
	if (c->type != HOST_PROTO_TLS && c->type != HOST_PROTO_WSS)
		return;
	if (!keeping || !keep_connection(c))
		say_goodbye(c);
}

void shutdown_check(void)
{
	struct itimerval off = {{0}, {0}};
	struct host_tcp_connection *c;
	int keeping = 0;

	if (!ending || readers_work())
		return;
	let_others_end();
	if (drain_is_on()) { /* what follows has limits of its own, and says how it went */
		setitimer(ITIMER_REAL, &off, NULL);
		_ksr_slog_func = core_log;
		keeping = !keep_begin();
	}
	for (unsigned i = 0; i < HOST_ID_HASH_SIZE; i++)
		for (c = tcpconn_id_hash[i]; c; c = c->id_next)
			end_connection(c, keeping);
	if (keeping)
		keep_end();
	end();
}
