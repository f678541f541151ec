/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/engine/engine.h"

#include "ktls/cipher.h"
#include "ser/engine/private.h"
#include "ser/shared/counters.h"
#include "ser/shared/log.h"
#include "ser/shared/shortage.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 500, /* how long the loop may take to finish */
	MESSAGES_A_TURN = 64,
	/* Clients whose tickets come after the handshake: some 30 KB each. */
	LATE_MAX = 256,
	LATE_SECONDS = 10,
	/*
	 * A phone speaks first, and most within a round trip. So a client that completes its handshake and
	 * leaves costs SER's own processes nothing.
	 */
	FIRST_BYTE_MS = 100,
};

static int ending;
static int wake_fd = -1;

static void give_up(int sig)
{
	(void)sig;
	_exit(0);
}

/*
 * Tells the loop, which finishes what it is doing. If the loop hangs on a lock whose holder died, the alarm
 * ends the process.
 */
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

/* The core's handlers would end the process at once. */
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

/* A newer engine accepts now; this one finishes what it began. */
static void retire(struct engine *e)
{
	e->retired = 1;
	uring_server_pause(e->server, 1);
}

static void look(struct engine *e)
{
	uring_server_pause(e->server, 1);
	uring_server_pause(e->server, e->waits);
}

/* Returns -EAGAIN if there is nothing more for now, -EPIPE at the end. */
static int take_message(struct engine *e)
{
	union {
		struct message_order order;
		struct message_tickets tickets;
		uint32_t kind;
	} m;
	int fd;
	ssize_t n = uring_take_fd(e->parts->channel, &m, sizeof(m), &fd);

	if (n <= 0)
		return n == -EAGAIN ? -EAGAIN : -EPIPE;
	switch (m.kind) {
	case MESSAGE_RETIRE:
		retire(e);
		break;
	case MESSAGE_LOOK:
		if (!e->retired)
			look(e);
		break;
	case MESSAGE_ORDER:
		if (n == sizeof(m.order))
			engine_open(e, &m.order, fd);
		break;
	case MESSAGE_TICKETS:
		engine_take_tickets(e, &m.tickets, (size_t)n);
	}
	return 0;
}

static void told(struct uring_op *op, int res)
{
	struct engine *e = (struct engine *)((char *)op - offsetof(struct engine, told));
	int rc = 0;

	(void)res;
	for (int i = 0; !rc && i < MESSAGES_A_TURN; i++)
		rc = take_message(e);
	/* When the supervisor ends, the engine ends, too. */
	if (rc == -EPIPE || uring_poll(e->loop, op, e->parts->channel, POLLIN))
		ending = 1;
}

static void say_stopped(struct engine *e)
{
	const struct message_plain message = {MESSAGE_STOPPED};

	if (!e->retired || e->stopped)
		return;
	if (uring_server_is_accepting(e->server))
		uring_server_pause(e->server, 1); /* again, should the ring have been full */
	else
		e->stopped = !uring_pass_fd(e->parts->channel, &message, sizeof(message), URING_NO_FD);
}

static int is_over(const struct engine *e)
{
	return ending || (e->retired && uring_server_is_quiet(e->server) && !e->handovers.count &&
				 !uring_relay_connections(e->relay) && !uring_client_count(e->client));
}

static int start_server(struct engine *e, struct cfg_error *error)
{
	struct uring_server_config config = {
		.arg = e,
		.max_handshakes = (unsigned)e->params->max_handshakes,
		.max_handshakes_per_source = (unsigned)e->params->max_handshakes_per_source,
		.refuse_when_full = params_refuse_at_limit(e->params),
		.handshake_timeout = (unsigned)e->params->handshake_timeout,
		.proxy_header = e->parts->proxy_header,
		.refused = engine_refused,
		.evicted = engine_evicted,
		.admit = engine_admit,
		.context = engine_context,
		.begin = engine_begin,
		.first_byte_ms = FIRST_BYTE_MS,
		.max_ready_per_source = e->params->max_connections_per_source > 0
						? (unsigned)e->params->max_connections_per_source
						: 0,
		.unused = engine_unused,
		.established = engine_established,
		.failed = engine_failed,
		.trouble = engine_trouble,
	};
	struct uring_relay_config relay_config = {
		.arg = e,
		.send_timeout = (unsigned)e->params->send_timeout,
		.ended = engine_relay_ended,
	};
	struct uring_client_config client_config = {
		.arg = e,
		.begin = engine_greet,
		.established = engine_connected,
		.failed = engine_not_connected,
	};

	if (confine_loop(&e->confine, &e->loop, error))
		return -1;
	if (uring_relay_new(&e->relay, e->loop, &relay_config) ||
		uring_client_new(&e->client, e->loop, &client_config) ||
		ktls_sessions_new(&e->sessions, KTLS_SESSIONS) ||
		ktls_late_new(&e->late, LATE_MAX, LATE_SECONDS) ||
		uring_server_new(&e->server, e->loop, &config))
		return cfg_fail(error, "the TLS engine cannot start: out of memory");
	if (watch_signals(e))
		return cfg_fail(error, "the TLS engine cannot start: no eventfd");
	e->told.done = told;
	if (uring_poll(e->loop, &e->told, e->parts->channel, POLLIN))
		return cfg_fail(error, "the TLS engine cannot start: its ring takes nothing");
	uring_pass_queue_init(&e->handovers, e->loop, e->parts->channel);
	uring_server_pause(e->server, 1); /* until it is told to look */
	for (unsigned i = 0; i < e->parts->listener_count; i++)
		if (uring_server_listen(e->server, e->parts->listeners[i], (void *)&e->parts->listeners[i]))
			return cfg_fail(error, "the TLS engine cannot start: out of memory");
	return 0;
}

static int set_up(struct engine *e, int report, struct cfg_error *error)
{
	if (confine_start(&e->confine, e->parts, report, error))
		return -1;
	/* The parent's setting is not inherited. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM))
		return cfg_fail(error, "the TLS engine cannot start: prctl(): %s", shortage_text(-errno));
	/*
	 * Established connections come first, and SER's processes read them. The value is relative to SER's
	 * own, because going below that needs CAP_SYS_NICE.
	 */
	errno = 0;
	if (nice(e->params->engine_nice) == -1 && errno)
		return cfg_fail(error, "engine_nice: %d cannot be set: %s", e->params->engine_nice,
			shortage_text(-errno));
	if (cfg_set_after_fork(e->parts->set, error) || start_server(e, error) ||
		confine_finish(&e->confine, e->parts, error))
		return -1;
	e->page->confined = e->confine.holds;
	return 0;
}

static void tell(int report, const struct cfg_error *error)
{
	if (report >= 0 && write(report, error->text, sizeof(error->text)) == sizeof(error->text))
		close(report);
	else if (error->text[0])
		ser_log(LOG_LEVEL_CRITICAL, "%s", error->text);
}

void engine_run(const struct engine_parts *parts, int report)
{
	struct engine e = {.parts = parts,
		.params = parts->params,
		.caps = parts->caps,
		.page = scoreboard_page(parts->engine, parts->process),
		.confine = {.level = parts->params->engine_confinement}};
	struct cfg_error error = {.text = ""};
	uint32_t own_keys_gone = 0; /* the others' counter is not this process's to write */
	int rc;

	ktls_cipher_share(&own_keys_gone);
	engine_log_to(parts->channel);
	counters_use(e.page->counters);
	rc = set_up(&e, report, &error);

	tell(report, &error);
	if (rc)
		_exit(ENGINE_CANNOT_START);
	engine_report(&e);
	while (!is_over(&e) && !(rc = uring_turn(e.loop))) {
		say_stopped(&e);
		engine_report(&e);
		engine_watch_memory(&e);
	}
	uring_relay_goodbye(e.relay);
	if (!rc)
		_exit(0); /* as the core's processes exit */
	ser_log(LOG_LEVEL_CRITICAL,
		"the TLS engine ends, and another one starts if it accepted: its ring is of no use any more "
		"(%s)",
		strerror(-rc));
	_exit(1);
}
