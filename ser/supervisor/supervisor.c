/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/supervisor.h"

#include "ser/connection/inject.h"
#include "ser/connection/listeners.h"
#include "ser/host/layout.h"
#include "ser/host/newer.h"
#include "ser/host/services.h"
#include "ser/sending/drainer.h"
#include "ser/shared/expiries.h"
#include "ser/shared/log.h"
#include "ser/shared/ticket_keys.h"
#include "ser/supervisor/key_log.h"
#include "ser/supervisor/message_check.h"
#include "ser/supervisor/orders.h"
#include "ser/supervisor/private.h"
#include "ser/supervisor/privileges.h"
#include "ser/supervisor/reload.h"
#include "ser/supervisor/take_back.h"
#include "ser/supervisor/tick.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static struct uring_op wake;
static volatile sig_atomic_t ending;

static void give_up(int sig)
{
	(void)sig;
	_exit(0);
}

/* Tells the loop. If the loop hangs on a lock whose holder died, the alarm ends the process. */
static void on_signal(int sig)
{
	struct itimerval patience = {.it_value = {.tv_sec = 1}};
	uint64_t one = 1;
	int e = errno;

	if (sig != SIGCHLD) {
		ending = 1;
		setitimer(ITIMER_REAL, &patience, NULL);
	}
	if (write(supervisor.wake_fd, &one, sizeof(one)) != sizeof(one) && ending)
		_exit(0);
	errno = e;
}

static void end(void)
{
	engine_processes_end();
	_exit(0); /* as the core's processes exit */
}

static void woken(struct uring_op *op, int res)
{
	uint64_t count;
	pid_t pid;
	int status;

	(void)res;
	(void)!read(supervisor.wake_fd, &count, sizeof(count)); /* if it fails, this is called again */
	if (ending)
		end();
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		engine_process_ended(pid, status);
	if (uring_poll(supervisor.loop, op, supervisor.wake_fd, POLLIN))
		end();
}

/* The core's handlers would end the process at once. */
static int watch_signals(void)
{
	struct sigaction quit = {.sa_handler = give_up}, act = {.sa_handler = on_signal};

	supervisor.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	wake.done = woken;
	if (supervisor.wake_fd < 0 || sigaction(SIGALRM, &quit, NULL) || sigaction(SIGTERM, &act, NULL) ||
		sigaction(SIGINT, &act, NULL) || sigaction(SIGCHLD, &act, NULL))
		return -errno;
	return uring_poll(supervisor.loop, &wake, supervisor.wake_fd, POLLIN);
}

/*
 * One process is enough for all supervisors, because only few connections have a send queue with
 * tcp_async=no.
 */
static int serve_all(void)
{
	return supervisor.index ? 0
				: drainer_start(supervisor.loop) ||
					  ticket_keys_keep_fresh(supervisor.loop, supervisor.parts.params);
}

/* One supervisor shows for all what expires. */
static int show_expiries(void)
{
	struct expiries *e = supervisor.index ? NULL : expiries_make(supervisor.parts.set);

	if (e)
		expiries_use(e);
	return e || supervisor.index ? 0 : -ENOMEM;
}

static int set_up(struct cfg_config *config, struct cfg_error *error)
{
	const char *why;
	int rc;

	host_hold_settings();
	/* While there may still be the right to lock memory; with it the ring's memory is not counted. */
	rc = uring_loop_new(&supervisor.loop, &why);
	if (rc)
		return cfg_fail(error, "the TLS engine cannot start: %s (%s)", why, strerror(-rc));
	if (privileges_drop(error))
		return -1;
	privileges_read(1);
	supervisor.parts.set = reload_build(config, error);
	privileges_read(0);
	if (!supervisor.parts.set)
		return -1;
	if (show_expiries())
		return cfg_fail(error, "shared memory is used up: raise it with kamailio -m");
	if (watch_signals())
		return cfg_fail(error, "the TLS engine cannot start: no eventfd");
	inject_init(supervisor.loop, supervisor.index);
	key_log_start(supervisor.parts.params, !supervisor.index);
	if (serve_all() || reload_serve() || orders_serve() || tick_start(supervisor.loop))
		return cfg_fail(error, "the TLS engine cannot start: its ring takes nothing");
	return 0;
}

static void run(struct cfg_config *config, int report)
{
	struct cfg_error error = {.text = ""};
	struct engine_process *c;
	const char *why;
	int rc;

	/* Not exit(), because a token's library may crash in its own clean-up. */
	if (set_up(config, &error)) {
		if (write(report, error.text, sizeof(error.text)) < 0)
			ser_log(LOG_LEVEL_ERROR, "%s", error.text);
		_exit(1);
	}
	c = engine_process_start(report, &why);
	close(report);
	if (!c)
		_exit(1);
	engine_process_activate(c);
	if (!supervisor.index)
		take_back_start();
	while (!(rc = uring_turn(supervisor.loop)))
		;
	ser_log(LOG_LEVEL_CRITICAL,
		"the supervisor of the TLS engine ends, and SER with it: its ring is of no use any more (%s)",
		strerror(-rc));
	_exit(1);
}

static int wait_until_ready(int report)
{
	struct pollfd p = {.fd = report, .events = POLLIN};
	struct cfg_error error;
	int rc;

	do
		rc = poll(&p, 1, SUPERVISOR_START_SECONDS * 1000);
	while (rc < 0 && errno == EINTR);
	if (rc > 0 && read(report, error.text, sizeof(error.text)) == sizeof(error.text)) {
		engine_message_clean(error.text, sizeof(error.text));
		if (!error.text[0])
			return 0;
		ser_log(LOG_LEVEL_ERROR, "%s", error.text);
		return -1;
	}
	ser_log(LOG_LEVEL_CRITICAL, "the TLS engine %s",
		rc ? "died while it started" : "did not start in time");
	return -1;
}

int supervisor_start(unsigned index, const struct params *params, const struct ktls_kernel_caps *caps,
	struct cfg_config *config)
{
	int report[2], pid, rc;

	supervisor = (struct supervisor){.index = index, .wake_fd = -1};
	TAILQ_INIT(&supervisor.engines);
	supervisor.parts = (struct engine_parts){
		.params = params, .caps = caps, .engine = index, .proxy_header = host_reads_proxy_headers()};
	supervisor.parts.listeners = listeners_all(&supervisor.parts.listener_count);
	if (pipe2(report, O_CLOEXEC)) {
		ser_log(LOG_LEVEL_ERROR, "the TLS engine cannot start: %s", engine_process_why_not(errno));
		return -1;
	}
	pid = fork_process(HOST_PROC_NOCHLDINIT, "tls engine supervisor", 1);
	if (pid < 0) {
		ser_log(LOG_LEVEL_ERROR, "the TLS engine cannot be forked: %s",
			engine_process_why_not(errno));
		close(report[0]);
		close(report[1]);
		return -1;
	}
	if (!pid) {
		close(report[0]);
		run(config, report[1]);
	}
	close(report[1]);
	rc = wait_until_ready(report[0]);
	close(report[0]);
	return rc;
}
