/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/connection/shutdown.h"

#include "ser/connection/listeners.h"
#include "ser/host/layout.h"
#include "ser/shared/conn.h"

#include <limits.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
	PATIENCE_SECONDS = 3, /* how long tcp_main may take to get back to its loop, on a busy machine, too */
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
	struct itimerval patience = {.it_value = {.tv_sec = PATIENCE_SECONDS}};

	(void)sig;
	if (ending)
		return;
	ending = 1;
	/*
	 * Silences this process's log from here on, because the core would log an AF_UNIX peer's address as
	 * critical.
	 */
	_ksr_slog_func = no_log;
	/* Else the core would not even look at the connection that is to wake it. */
	tcp_cfg->max_connections = tcp_cfg->max_tls_connections = INT_MAX;
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

void shutdown_check(void)
{
	struct host_tcp_connection *c;

	if (!ending)
		return;
	let_others_end();
	for (unsigned i = 0; i < HOST_ID_HASH_SIZE; i++)
		for (c = tcpconn_id_hash[i]; c; c = c->id_next)
			if (c->type == HOST_PROTO_TLS || c->type == HOST_PROTO_WSS)
				say_goodbye(c);
	_exit(0);
}
