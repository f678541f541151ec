/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/engine.h"

#include "ser/engine_private.h"
#include "ser/host.h"
#include "ser/inject.h"
#include "ser/listeners.h"
#include "ser/log.h"
#include "ser/privileges.h"
#include "ser/send_drain.h"
#include "ser/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	HANDSHAKES_MAX = 1024, /* under way at once; each costs some 60 KB */
	PATIENCE_MS = 500,     /* how long the loop may take to end */
};

static int keep_own_certificate(struct engine *e, struct cfg_error *error)
{
	X509 *cert = SSL_CTX_get0_certificate(e->ctx);
	int len = i2d_X509(cert, NULL);
	unsigned char *der;

	e->own = len > 0 ? shared_memory.alloc(sizeof(*e->own) + (size_t)len) : NULL;
	if (!e->own)
		return cfg_fail(
			error, "shared memory is used up before the start: raise it with kamailio -m");
	e->own->len = (uint32_t)len;
	der = e->own->der;
	i2d_X509(cert, &der);
	return 0;
}

static int ending;
static int wake_fd = -1;

static void give_up(int sig)
{
	(void)sig;
	_exit(0);
}

/* The loop gets to know and finishes what it is doing; where it hangs, on a lock that died with its holder,
 * it does not. */
static void on_signal(int sig)
{
	struct itimerval patience = {.it_value = {.tv_usec = PATIENCE_MS * 1000}};
	uint64_t one = 1;

	(void)sig;
	if (write(wake_fd, &one, sizeof(one)) != sizeof(one) || setitimer(ITIMER_REAL, &patience, NULL))
		_exit(0);
}

static void woken(struct uring_op *op, int res)
{
	(void)op;
	(void)res;
	ending = 1;
}

/* The core's handlers would end the process on the spot. */
static int watch_signals(struct engine *e)
{
	static struct uring_op op = {.done = woken};
	struct sigaction quit = {.sa_handler = give_up}, end = {.sa_handler = on_signal};

	wake_fd = eventfd(0, EFD_CLOEXEC);
	if (wake_fd < 0 || sigaction(SIGALRM, &quit, NULL) || sigaction(SIGTERM, &end, NULL) ||
		sigaction(SIGINT, &end, NULL))
		return -errno;
	return uring_poll(e->loop, &op, wake_fd, POLLIN);
}

static int start_server(struct engine *e, struct cfg_error *error)
{
	struct uring_server_config config = {
		.arg = e,
		.max_handshakes = HANDSHAKES_MAX,
		.handshake_timeout = (unsigned)e->params->handshake_timeout,
		.admit = engine_admit,
		.context = engine_context,
		.established = engine_established,
		.failed = engine_failed,
		.trouble = engine_trouble,
	};
	struct uring_relay_config relay_config = {
		.arg = e,
		.send_timeout = (unsigned)e->params->send_timeout,
		.ended = engine_relay_ended,
	};
	const struct listener *l;
	const char *why;
	unsigned n;
	int rc = uring_loop_new(&e->loop, &why);

	if (rc)
		return cfg_fail(error, "the TLS engine cannot start: %s (%s)", why, strerror(-rc));
	if (uring_relay_new(&e->relay, e->loop, &relay_config) ||
		uring_server_new(&e->server, e->loop, &config))
		return cfg_fail(error, "the TLS engine cannot start: out of memory");
	if (watch_signals(e))
		return cfg_fail(error, "the TLS engine cannot start: no eventfd");
	l = listeners_all(&n);
	for (unsigned i = 0; i < n; i++)
		if (uring_server_listen(e->server, l[i].fd, l[i].si))
			return cfg_fail(error, "the TLS engine cannot start: out of memory");
	return 0;
}

static int set_up(struct engine *e, struct cfg_error *error)
{
	struct cfg_error warning;

	/* This process follows no changes of the run-time configuration; its values must not vanish either.
	 */
	__atomic_add_fetch(&(*cfg_global)->refcnt, 1, __ATOMIC_RELAXED);
	cfg_child_no_cb_init();
	if (privileges_drop(error))
		return -1;
	e->ctx = cfg_build_context(&e->params->server, error, &warning);
	if (!e->ctx || keep_own_certificate(e, error) || start_server(e, error))
		return -1;
	if (send_drain_start(e->loop))
		return cfg_fail(error, "the TLS engine cannot start: its ring takes nothing");
	inject_init(e->loop);
	return 0;
}

/* The engine's life. An empty text on the pipe says that it is ready. */
static void run(struct engine *e, int report)
{
	struct cfg_error error = {.text = ""};
	int rc = set_up(e, &error);
	ssize_t n = write(report, error.text, sizeof(error.text));

	close(report);
	if (rc || n < 0)
		exit(1);
	while (!ending && !(rc = uring_turn(e->loop)))
		;
	uring_relay_goodbye(e->relay);
	if (ending)
		_exit(0); /* as the core's processes do */
	ser_log(LOG_LEVEL_CRITICAL, "the TLS engine ends: its ring is of no use any more: %s", strerror(-rc));
	exit(1);
}

static int wait_until_ready(int report)
{
	struct pollfd p = {.fd = report, .events = POLLIN};
	struct cfg_error error;
	int rc;

	do
		rc = poll(&p, 1, ENGINE_START_SECONDS * 1000);
	while (rc < 0 && errno == EINTR);
	if (rc > 0 && read(report, error.text, sizeof(error.text)) == sizeof(error.text)) {
		if (!error.text[0])
			return 0;
		ser_log(LOG_LEVEL_ERROR, "%s", error.text);
		return -1;
	}
	ser_log(LOG_LEVEL_CRITICAL, "the TLS engine %s",
		rc ? "died while it started" : "did not start in time");
	return -1;
}

int engine_start(const struct params *params, const struct ktls_kernel_caps *caps)
{
	static struct engine engine; /* the child works on its copy of the main process's memory */
	int report[2], pid, rc;

	engine = (struct engine){.params = params, .caps = caps};
	if (pipe2(report, O_CLOEXEC)) {
		ser_log(LOG_LEVEL_ERROR, "the TLS engine cannot start: %s", strerror(errno));
		return -1;
	}
	pid = fork_process(HOST_PROC_NOCHLDINIT, "tls engine", 1);
	if (pid < 0) {
		ser_log(LOG_LEVEL_ERROR, "the TLS engine cannot be forked: %s", strerror(errno));
		close(report[0]);
		close(report[1]);
		return -1;
	}
	if (!pid) {
		close(report[0]);
		run(&engine, report[1]);
	}
	close(report[1]);
	rc = wait_until_ready(report[0]);
	close(report[0]);
	return rc;
}
