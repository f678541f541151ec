/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor.h"

#include "ser/counters.h"
#include "ser/engine.h"
#include "ser/handover.h"
#include "ser/host.h"
#include "ser/inject.h"
#include "ser/listeners.h"
#include "ser/log.h"
#include "ser/privileges.h"
#include "ser/send_drain.h"
#include "ser/shared.h"
#include "uring/pass_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	END_PATIENCE_MS = 700, /* how long an engine may take to end; it has less */
	DEATHS_FORGIVEN = 3,   /* in a row, before the next start is delayed */
	DELAY_FIRST_MS = 500,
	DELAY_MAX_MS = 30000,
	LIVED_LONG_SECONDS = 10, /* an engine that lived so long starts the count anew */
	MESSAGES_A_TURN = 64,
	CHANNEL_BUFFER = 4 * HANDOVER_MAX, /* the kernel gives what net.core.wmem_max allows, twice */
};

struct supervisor {
	struct engine_parts parts;
	struct uring_loop *loop;
	struct uring_op wake, readable, restart;
	struct __kernel_timespec delay;
	int channel;      /* our end; -1: the engine's is closed and all is read */
	pid_t engine;     /* 0: it is dead */
	unsigned started; /* ticks */
	unsigned deaths;  /* in a row */
};

static struct supervisor self; /* a process has one */
static volatile sig_atomic_t ending;
static int wake_fd = -1;

static void start_engine(int report);
static void replace_engine(void);

static void give_up(int sig)
{
	(void)sig;
	_exit(0);
}

/* The loop gets to know; where it hangs, on a lock that died with its holder, it does not. */
static void on_signal(int sig)
{
	struct itimerval patience = {.it_value = {.tv_sec = 1}};
	uint64_t one = 1;
	int e = errno;

	if (sig != SIGCHLD) {
		ending = 1;
		setitimer(ITIMER_REAL, &patience, NULL);
	}
	if (write(wake_fd, &one, sizeof(one)) != sizeof(one) && ending)
		_exit(0);
	errno = e;
}

static void lose(int fd, const char *why)
{
	static struct log_limit limit;

	counters_add(COUNTER_CONNECTIONS_LOST);
	ser_log_limited(&limit, LOG_LEVEL_ERROR, "a connection is lost: %s", why);
	if (fd >= 0)
		close(fd);
}

/* The engine looked when the handshake began; others may have ended theirs meanwhile. */
static int source_has_too_many(const struct handover *h, const struct conn *conn)
{
	static struct log_limit limit;
	unsigned max = (unsigned)self.parts.params->max_connections_per_source;
	char text[64];

	if (!max || board_source_connections(&conn->source) <= max)
		return 0;
	counters_add(COUNTER_LIMIT_SOURCE_CONNECTIONS);
	counters_add_reject();
	listeners_format_address(&h->peer.remote, text);
	ser_log_limited(&limit, LOG_LEVEL_ERROR,
		"connection from %s refused: it has max_connections_per_source (%u) connections", text, max);
	return 1;
}

static void take(const struct handover *h, size_t size, int fd)
{
	struct conn *conn;

	/* First, so that it is never counted twice. */
	__atomic_add_fetch(&self.parts.board->taken, 1, __ATOMIC_RELAXED);
	if (fd < 0 || size < sizeof(*h)) {
		lose(fd, "its descriptor did not arrive: raise the limit of open files (ulimit -n)");
		return;
	}
	conn = conn_adopt(&h->conn, size - offsetof(struct handover, conn));
	if (!conn) {
		lose(fd, "shared memory is used up: raise it with kamailio -m");
	} else if (source_has_too_many(h, conn)) {
		conn_close(conn);
		close(fd);
	} else {
		inject(fd, &h->peer, conn);
	}
}

/* Returns 0 when there may be more to read, 1 when there is nothing for now, -1 when the channel is closed.
 */
static int take_one(void)
{
	static union {
		struct handover message;
		char bytes[HANDOVER_MAX];
	} buffer;
	int fd;
	ssize_t n = uring_take_fd(self.channel, &buffer, sizeof(buffer), &fd);

	if (n == -EAGAIN)
		return 1;
	if (n <= 0)
		return -1;
	take(&buffer.message, (size_t)n, fd);
	OPENSSL_cleanse(&buffer, (size_t)n);
	return 0;
}

static void wait_for_messages(void)
{
	if (self.channel >= 0 && uring_poll(self.loop, &self.readable, self.channel, POLLIN)) {
		ser_log(LOG_LEVEL_CRITICAL, "the TLS engine is ended: its supervisor's ring is full");
		kill(self.engine, SIGKILL);
	}
}

/* Doubles with each death, so that an engine that cannot live does not take the machine with it. */
static unsigned delay_ms(void)
{
	unsigned ms = DELAY_FIRST_MS;

	if (self.deaths <= DEATHS_FORGIVEN)
		return 0;
	for (unsigned i = DEATHS_FORGIVEN + 1; i < self.deaths && ms < DELAY_MAX_MS; i++)
		ms *= 2;
	return ms < DELAY_MAX_MS ? ms : DELAY_MAX_MS;
}

static void restart(struct uring_op *op, int res)
{
	(void)op;
	(void)res;
	start_engine(-1);
}

static void start_later(unsigned ms)
{
	self.delay = (struct __kernel_timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	if (uring_timeout(self.loop, &self.restart, &self.delay))
		start_engine(-1);
}

/* As soon as the old one is dead and what it had handed over is taken. */
static void replace_engine(void)
{
	unsigned ms = delay_ms();

	if (self.engine || self.channel >= 0)
		return;
	self.parts.board->handed = self.parts.board->taken;
	if (ms)
		start_later(ms);
	else
		start_engine(-1);
}

static void engine_died(int status)
{
	struct board_engine *board = self.parts.board;
	int by_signal = WIFSIGNALED(status);

	if (board->starts == 1 && !by_signal && WEXITSTATUS(status) == ENGINE_CANNOT_START)
		_exit(1); /* it said why, and SER ends */
	if (get_ticks_raw() - self.started > LIVED_LONG_SECONDS * HOST_TICKS_PER_SECOND)
		self.deaths = 0;
	self.deaths++;
	counters_add(COUNTER_ENGINE_DEATHS);
	ser_log(LOG_LEVEL_CRITICAL,
		"the TLS engine (process %d) died (%s %d); another starts in %u ms; connections it relayed "
		"(%u) and handshakes (%u) are lost, all others go on",
		(int)self.engine, by_signal ? "signal" : "exit code",
		by_signal ? WTERMSIG(status) : WEXITSTATUS(status), delay_ms(), board->relayed,
		board->handshakes);
	self.engine = 0;
	board->pid = 0;
	board->relayed = board->handshakes = 0;
	replace_engine();
}

static void readable(struct uring_op *op, int res)
{
	int rc = 0;

	(void)op;
	(void)res;
	for (int i = 0; !rc && self.channel >= 0 && i < MESSAGES_A_TURN; i++)
		rc = take_one();
	if (rc >= 0) {
		wait_for_messages();
		return;
	}
	close(self.channel);
	self.channel = -1;
	replace_engine();
}

static void end(void)
{
	struct timespec pause = {.tv_nsec = 5000000};

	if (self.engine)
		kill(self.engine, SIGTERM);
	for (int ms = 0; self.engine && ms < END_PATIENCE_MS; ms += 5) {
		if (waitpid(self.engine, NULL, WNOHANG) == self.engine)
			_exit(0);
		nanosleep(&pause, NULL);
	}
	if (self.engine)
		kill(self.engine, SIGKILL);
	_exit(0); /* as the core's processes do */
}

static void woken(struct uring_op *op, int res)
{
	uint64_t count;
	int status;

	(void)res;
	if (read(wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		ending = 1;
	if (ending)
		end();
	if (self.engine && waitpid(self.engine, &status, WNOHANG) == self.engine)
		engine_died(status);
	if (uring_poll(self.loop, op, wake_fd, POLLIN))
		end();
}

/* In the child: nothing of the supervisor's stays but its memory. */
static void become_engine(int report)
{
	close(self.channel);
	close(wake_fd);
	close(unix_tcp_sock);
	uring_loop_free(self.loop);
	engine_run(&self.parts, report);
}

static void start_engine(int report)
{
	int channel[2], size = CHANNEL_BUFFER;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel))
		goto failed;
	setsockopt(channel[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	self.channel = channel[0];
	self.parts.channel = channel[1];
	pid = fork();
	if (!pid)
		become_engine(report);
	close(channel[1]);
	if (pid < 0) {
		close(self.channel);
		self.channel = -1;
		goto failed;
	}
	self.engine = pid;
	self.started = get_ticks_raw();
	self.parts.board->pid = pid;
	self.parts.board->starts++;
	wait_for_messages();
	return;
failed:
	ser_log(LOG_LEVEL_CRITICAL, "the TLS engine cannot be started: %s", strerror(errno));
	if (report < 0)
		start_later(DELAY_FIRST_MS);
}

static int keep_own_certificate(struct cfg_error *error)
{
	X509 *cert = SSL_CTX_get0_certificate(self.parts.ctx);
	int len = i2d_X509(cert, NULL);
	struct snapshot_cert *own;
	unsigned char *der;

	own = len > 0 ? shared_memory.alloc(sizeof(*own) + (size_t)len) : NULL;
	if (!own)
		return cfg_fail(
			error, "shared memory is used up before the start: raise it with kamailio -m");
	own->len = (uint32_t)len;
	der = own->der;
	i2d_X509(cert, &der);
	self.parts.own = own;
	return 0;
}

/* The core's handlers would end the process on the spot. */
static int watch_signals(void)
{
	struct sigaction quit = {.sa_handler = give_up}, act = {.sa_handler = on_signal};

	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	self.wake.done = woken;
	if (wake_fd < 0 || sigaction(SIGALRM, &quit, NULL) || sigaction(SIGTERM, &act, NULL) ||
		sigaction(SIGINT, &act, NULL) || sigaction(SIGCHLD, &act, NULL))
		return -errno;
	return uring_poll(self.loop, &self.wake, wake_fd, POLLIN);
}

static int set_up(unsigned index, struct cfg_error *error)
{
	struct cfg_error warning;
	const char *why;
	int rc;

	/* This process follows no changes of the run-time configuration; its values must not vanish either.
	 */
	__atomic_add_fetch(&(*cfg_global)->refcnt, 1, __ATOMIC_RELAXED);
	cfg_child_no_cb_init();
	if (privileges_drop(error))
		return -1;
	self.parts.ctx = cfg_build_context(&self.parts.params->server, error, &warning);
	if (!self.parts.ctx || keep_own_certificate(error))
		return -1;
	rc = uring_loop_new(&self.loop, &why);
	if (rc)
		return cfg_fail(error, "the TLS engine cannot start: %s (%s)", why, strerror(-rc));
	if (watch_signals())
		return cfg_fail(error, "the TLS engine cannot start: no eventfd");
	self.readable.done = readable;
	self.restart.done = restart;
	inject_init(self.loop, index);
	/* What peers do not take with tcp_async=no is few connections' matter: one process does for all. */
	if (!index && send_drain_start(self.loop))
		return cfg_fail(error, "the TLS engine cannot start: its ring takes nothing");
	return 0;
}

static void run(unsigned index, int report)
{
	struct cfg_error error = {.text = ""};
	int rc;

	if (set_up(index, &error)) {
		if (write(report, error.text, sizeof(error.text)) < 0)
			ser_log(LOG_LEVEL_ERROR, "%s", error.text);
		exit(1);
	}
	start_engine(report);
	close(report);
	while (!(rc = uring_turn(self.loop)))
		;
	ser_log(LOG_LEVEL_CRITICAL,
		"the supervisor of the TLS engine ends: its ring is of no use any more: %s", strerror(-rc));
	exit(1);
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
		if (!error.text[0])
			return 0;
		ser_log(LOG_LEVEL_ERROR, "%s", error.text);
		return -1;
	}
	ser_log(LOG_LEVEL_CRITICAL, "the TLS engine %s",
		rc ? "died while it started" : "did not start in time");
	return -1;
}

int supervisor_start(unsigned index, const struct params *params, const struct ktls_kernel_caps *caps)
{
	int report[2], pid, rc;

	self = (struct supervisor){.channel = -1};
	self.parts = (struct engine_parts){.params = params, .caps = caps, .board = &board_engines[index]};
	if (pipe2(report, O_CLOEXEC)) {
		ser_log(LOG_LEVEL_ERROR, "the TLS engine cannot start: %s", strerror(errno));
		return -1;
	}
	pid = fork_process(HOST_PROC_NOCHLDINIT, "tls engine supervisor", 1);
	if (pid < 0) {
		ser_log(LOG_LEVEL_ERROR, "the TLS engine cannot be forked: %s", strerror(errno));
		close(report[0]);
		close(report[1]);
		return -1;
	}
	if (!pid) {
		close(report[0]);
		run(index, report[1]);
	}
	close(report[1]);
	rc = wait_until_ready(report[0]);
	close(report[0]);
	return rc;
}
