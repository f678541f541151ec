/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A supervisor's engines: the one that accepts, and older ones that finish what they began. */
#include "ktls/clock.h"
#include "ser/connection/inject.h"
#include "ser/host/layout.h"
#include "ser/host/services.h"
#include "ser/shared/counters.h"
#include "ser/shared/limits.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"
#include "ser/shared/shortage.h"
#include "ser/supervisor/key_log.h"
#include "ser/supervisor/message_check.h"
#include "ser/supervisor/nic.h"
#include "ser/supervisor/orders.h"
#include "ser/supervisor/private.h"
#include "ser/supervisor/privileges.h"
#include "uring/address.h"
#include "uring/pass_fd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	END_PATIENCE_MS = 700, /* how long engines may take to end; they give themselves less */
	LOOK_SECONDS = 10,
	DEATHS_FORGIVEN = 3, /* deaths in a row before the next start is delayed */
	DELAY_FIRST_MS = 500,
	DELAY_MAX_MS = 30000,
	LIVED_LONG_MS = 10000, /* an engine that lived this long resets the count */
	RETIRED_MAX = 8,       /* with more, the oldest closes its relayed connections */
	MESSAGES_A_TURN = 64,
	ENGINE_LINES = 1000,              /* log lines in a LOG_PERIOD; an honest engine writes fewer */
	CHANNEL_BUFFER = 4 * MESSAGE_MAX, /* the kernel grants what net.core.wmem_max allows, doubled */
};

/* One accepts, one may be on trial, and those that were told to end may take a while. */
static_assert(SCOREBOARD_PROCESSES_MAX >= RETIRED_MAX + 4, "old engines leave pages for new ones");

static struct supervisor *const self = &supervisor;

static void replace_active(void);

/*
 * The engine checked when the handshake began, but others may have finished theirs meanwhile, and one that
 * was taken over does not check.
 */
static int has_no_place(const union uring_address *remote)
{
	static struct log_limit limit;
	char text[URING_ADDRESS_TEXT], words[LIMIT_TEXT];
	int counter = limits_reached(0, words);

	if (counter == COUNTER_LIMIT_QUEUE) /* which passes; only new handshakes have to wait for that */
		counter = -1;
	if (counter < 0)
		counter =
			limits_source_reached(remote, self->parts.params->max_connections_per_source, words);
	if (counter < 0)
		return 0;
	counters_add((enum counter)counter);
	counters_add(COUNTER_REJECTS);
	uring_address_text(&remote->any, text);
	ser_log_limited(&limit, LOG_LEVEL_ERROR, "connection from %s refused: %s", text, words);
	return 1;
}

static void take_inbound(const struct conn_made *made, int fd)
{
	const union uring_address *remote = &made->message->remote;

	host_publish_load();
	if (fd < 0)
		inject_refuse(remote, shortage_text(-EMFILE));
	else if (has_no_place(remote))
		close(fd);
	else
		inject(fd, made);
	host_publish_load(); /* whether there is a place for the next depends on what this one took */
}

static void take_established(const struct engine_process *p, struct message_established *m, int fd)
{
	const struct conn_made made = {
		.message = m, .domain = domain_of(cfg_set_context(p->set, m->domain)), .engine = self->index};

	__atomic_add_fetch(&scoreboard_engines[self->index].taken[p->page], 1, __ATOMIC_RELAXED);
	m->snapshot.nic = nic_directions(m, fd);
	if (m->order)
		orders_established(p, &made, fd);
	else
		take_inbound(&made, fd);
}

/* Sends to the accepting engine. Returns 0 or a negative errno. */
static int tell_to_look(void)
{
	const struct message_plain message = {MESSAGE_LOOK};

	return self->active && self->active->channel >= 0
		       ? uring_pass_fd(self->active->channel, &message, sizeof(message), URING_NO_FD)
		       : 0;
}

/*
 * The accept of an engine that has ended lives on until the kernel has taken its ring down. If a new
 * connection wakes it, and not the engine that accepts now, nobody takes the connection until somebody looks.
 */
void engine_processes_tick(void)
{
	if (!self->looks)
		return;
	self->looks--;
	tell_to_look();
}

static void take(struct engine_process *p, union engine_message *m, int fd)
{
	static struct log_limit limit = {.burst = ENGINE_LINES};

	switch (m->kind) {
	case MESSAGE_ESTABLISHED:
		take_established(p, &m->established, fd);
		break;
	case MESSAGE_FAILED:
		orders_failed(p, &m->failed);
		break;
	case MESSAGE_LOG:
		ser_log_limited_from(&limit, &(struct log_place){m->log.file, m->log.function, m->log.line},
			m->log.level, "%s", m->log.text);
		break;
	case MESSAGE_KEYS:
		key_log_write(self->parts.params, m->keys.text);
		break;
	case MESSAGE_STOPPED:
		p->stopped = 1;
		tell_to_look();
		self->engine_stopped();
	}
}

/* The engine is ended, because nothing that it sends from now on is worth reading. */
static void refuse_message(const struct engine_process *p, const char *why)
{
	counters_add(COUNTER_ENGINE_MESSAGES_REFUSED);
	ser_log(LOG_LEVEL_CRITICAL,
		"the TLS engine (process %d) is ended: a message of it was refused, because %s; it may have "
		"been taken over",
		(int)p->pid, why);
}

static const char *check(
	const struct engine_process *p, union engine_message *m, size_t size, const int fds[URING_PASS_MAX])
{
	const struct engine_message_limits limits = {.listeners = self->parts.listener_count,
		.set = p->set,
		.on_the_way = scoreboard_on_the_way(self->index, p->page),
		.may_stop = p->retired && !p->stopped,
		.logs_keys = params_keylog(self->parts.params) != 0,
		.has_order = orders_are_with,
		.process = p};

	return engine_message_check(m, size, fds, &limits);
}

static void close_all(const int fds[URING_PASS_MAX])
{
	for (int i = 0; i < URING_PASS_MAX; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Returns 0 if there may be more to read, 1 if there is nothing for now, -1 if nothing will come. */
static int take_one(struct engine_process *p)
{
	static union engine_message m;
	const char *why;
	int fds[URING_PASS_MAX];
	ssize_t n = uring_take_fds(p->channel, &m, sizeof(m), fds, URING_PASS_MAX);

	if (n == -EAGAIN)
		return 1;
	if (n < 0 && n != -EMSGSIZE)
		return -1;
	if (!n) { /* the end; or an empty message, which may have descriptors */
		close_all(fds);
		return -1;
	}
	why = n < 0 ? "it is too long" : check(p, &m, (size_t)n, fds);
	if (!why)
		take(p, &m, fds[0]);
	else
		refuse_message(p, why);
	if (why)
		close_all(fds);
	OPENSSL_cleanse(&m, n < 0 ? sizeof(m) : (size_t)n);
	return why ? -1 : 0;
}

/* If it is dead, everything that it handed over was taken and nobody waits for its report. */
static void forget_if_over(struct engine_process *c)
{
	int was_active = c == self->active;

	if (c->pid || c->channel >= 0 || c->on_trial)
		return;
	orders_engine_gone(c);
	TAILQ_REMOVE(&self->engines, c, link);
	cfg_set_unref(c->set);
	scoreboard_clear_page(self->index, c->page);
	free(c);
	self->looks = LOOK_SECONDS * TICKS_A_SECOND;
	if (was_active) {
		self->active = NULL;
		replace_active();
	} else {
		tell_to_look();
	}
}

static void wait_for_messages(struct engine_process *c)
{
	if (!uring_poll(self->loop, &c->readable, c->channel, POLLIN))
		return;
	ser_log(LOG_LEVEL_CRITICAL, "the TLS engine is ended: its supervisor's ring is full");
	if (c->pid)
		kill(c->pid, SIGKILL);
	close(c->channel);
	c->channel = -1;
}

static void readable(struct uring_op *op, int res)
{
	struct engine_process *c = (struct engine_process *)op;
	int rc = 0;

	(void)res;
	/* To ask once more only to hear that there is nothing is dear where messages come one by one. */
	for (int i = 0; !rc && i < MESSAGES_A_TURN; i++) {
		rc = take_one(c);
		if (!scoreboard_on_the_way(self->index, c->page))
			break;
	}
	if (rc >= 0) {
		wait_for_messages(c);
		if (c->channel < 0)
			forget_if_over(c);
		return;
	}
	if (c->pid) /* An honest one is ending already. Others might go on without us. */
		kill(c->pid, SIGKILL);
	close(c->channel);
	c->channel = -1;
	forget_if_over(c);
}

/* In the child, which closes all descriptors but its own. */
static void become_engine(int report)
{
	uring_loop_free(self->loop);
	if (privileges_forget())
		_exit(ENGINE_CANNOT_START);
	engine_run(&self->parts, report);
}

/* Returns 0 or an errno. */
static int open_channel(struct engine_process *c)
{
	int channel[2], size = CHANNEL_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel))
		return errno;
	setsockopt(channel[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	c->channel = channel[0];
	self->parts.channel = channel[1];
	return 0;
}

/* Finds a page that no engine process has. Returns 0 or an errno. */
static int find_page(unsigned *page)
{
	const struct engine_process *p;

	for (*page = 0; *page < SCOREBOARD_PROCESSES_MAX; ++*page) {
		TAILQ_FOREACH(p, &self->engines, link)
		{
			if (p->page == *page)
				break;
		}
		if (!p)
			return 0;
	}
	return EUSERS;
}

/* So that the next reload finds a page. */
static void kill_ending(void)
{
	const struct engine_process *c;

	TAILQ_FOREACH(c, &self->engines, link)
	{
		if (c->ending && c->pid)
			kill(c->pid, SIGKILL);
	}
}

const char *engine_process_why_not(int error)
{
	switch (error) {
	case EAGAIN:
		return "no further process is allowed: raise TasksMax or the user's limit (ulimit -u)";
	case EUSERS:
		return "too many engines of earlier configurations were told to end and have not: they are "
		       "killed now, try again";
	default:
		return shortage_text(-error);
	}
}

struct engine_process *engine_process_start(int report, const char **why)
{
	struct engine_process *c = calloc(1, sizeof(*c));
	int error = c ? find_page(&c->page) : ENOMEM;

	if (!error)
		error = open_channel(c);
	if (error)
		goto failed;
	self->parts.process = c->page;
	self->parts.first = !scoreboard_engines[self->index].starts;
	c->readable.done = readable;
	c->on_trial = 1;
	TAILQ_INSERT_TAIL(&self->engines, c, link);
	c->pid = fork();
	error = errno;
	if (!c->pid)
		become_engine(report);
	close(self->parts.channel);
	if (c->pid < 0) {
		TAILQ_REMOVE(&self->engines, c, link);
		close(c->channel);
		goto failed;
	}
	c->set = cfg_set_ref(self->parts.set);
	c->started = ktls_clock_ms();
	wait_for_messages(c);
	return c;
failed:
	if (error == EUSERS)
		kill_ending();
	*why = engine_process_why_not(error);
	ser_log(LOG_LEVEL_CRITICAL, "the TLS engine cannot be started: %s", *why);
	free(c);
	return NULL;
}

/* Engines that were told to end no longer count. */
static void end_oldest(void)
{
	struct engine_process *c, *oldest = NULL;
	unsigned retired = 0;

	TAILQ_FOREACH(c, &self->engines, link)
	{
		if (!c->retired || c->ending || !c->pid)
			continue;
		retired++;
		if (!oldest)
			oldest = c;
	}
	if (retired <= RETIRED_MAX)
		return;
	ser_log(LOG_LEVEL_NOTICE,
		"a TLS engine of %d configurations ago ends, with the connections that it still relays",
		RETIRED_MAX);
	oldest->ending = 1;
	kill(oldest->pid, SIGTERM);
}

static void retire(struct engine_process *c)
{
	const struct message_plain message = {MESSAGE_RETIRE};

	c->retired = 1;
	if (c->pid && uring_pass_fd(c->channel, &message, sizeof(message), URING_NO_FD))
		kill(c->pid, SIGTERM);
	end_oldest();
}

void engine_process_reject(struct engine_process *c)
{
	c->on_trial = 0;
	if (c->pid)
		kill(c->pid, SIGKILL);
	else
		forget_if_over(c);
}

/* The delay doubles with each death, so that an engine that keeps dying does not bring the machine down. */
static unsigned delay_ms(void)
{
	unsigned ms = DELAY_FIRST_MS;

	if (self->deaths <= DEATHS_FORGIVEN)
		return 0;
	for (unsigned i = DEATHS_FORGIVEN + 1; i < self->deaths && ms < DELAY_MAX_MS; i++)
		ms *= 2;
	return ms < DELAY_MAX_MS ? ms : DELAY_MAX_MS;
}

static void start_later(unsigned ms);

static void restart(struct uring_op *op, int res)
{
	struct engine_process *c;
	const char *why;

	(void)op;
	(void)res;
	self->restarting = 0;
	if (self->active) /* a reload was faster */
		return;
	c = engine_process_start(-1, &why);
	if (c)
		engine_process_activate(c);
	else
		start_later(DELAY_FIRST_MS);
}

static void start_later(unsigned ms)
{
	if (self->restarting)
		return;
	self->delay = (struct __kernel_timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	self->restart.done = restart;
	self->restarting = !uring_timeout(self->loop, &self->restart, &self->delay);
	if (!self->restarting)
		restart(&self->restart, 0);
}

static void replace_active(void)
{
	unsigned ms = delay_ms();

	if (ms)
		start_later(ms);
	else
		restart(&self->restart, 0);
}

static void active_died(struct engine_process *c)
{
	struct scoreboard_engine *board = &scoreboard_engines[self->index];
	struct engine_page *page = scoreboard_page(self->index, c->page);
	int status = c->status, by_signal = WIFSIGNALED(status);

	if (board->starts == 1 && !c->ran && !by_signal && WEXITSTATUS(status) == ENGINE_CANNOT_START)
		_exit(1); /* it has logged why; SER ends */
	if (ktls_clock_ms() - c->started > LIVED_LONG_MS)
		self->deaths = 0;
	self->deaths++;
	counters_add(COUNTER_ENGINE_DEATHS);
	/* Where signals are blocked, as in fork(), it cannot say so itself. */
	if (by_signal && WTERMSIG(status) == SIGSYS)
		ser_log(LOG_LEVEL_CRITICAL,
			"the TLS engine (process %d) made a system call that it does not need; either it "
			"was taken over, or this system's libraries work differently and "
			"engine_confinement=0 helps",
			(int)c->pid);
	ser_log(LOG_LEVEL_CRITICAL,
		"the TLS engine (process %d) died (%s %d); another starts in %u ms; connections it relayed "
		"(%u) and handshakes (%u) are lost, all others go on",
		(int)c->pid, by_signal ? "signal" : "exit code",
		by_signal ? WTERMSIG(status) : WEXITSTATUS(status), delay_ms(), page->relayed,
		page->handshakes + page->ready);
	board->pid = 0;
	page->relayed = page->handshakes = page->ready = 0;
}

void engine_process_activate(struct engine_process *c)
{
	struct engine_process *before = self->active;

	c->on_trial = 0;
	self->active = c;
	scoreboard_engines[self->index].page = c->page;
	scoreboard_engines[self->index].pid = c->pid;
	scoreboard_engines[self->index].starts++;
	if (c->pid && tell_to_look())
		kill(c->pid, SIGKILL); /* it would never accept; the next one may be told */
	if (before)
		retire(before);
	if (c->pid)
		return;
	active_died(c);
	forget_if_over(c);
}

void engine_process_ended(pid_t pid, int status)
{
	struct engine_process *c;

	TAILQ_FOREACH(c, &self->engines, link)
	{
		if (c->pid == pid)
			break;
	}
	if (!c)
		return;
	c->status = status;
	if (c == self->active)
		active_died(c);
	else if (c->retired && (WIFSIGNALED(status) || WEXITSTATUS(status)))
		ser_log(LOG_LEVEL_CRITICAL, "a TLS engine of an earlier configuration (process %d) died",
			(int)pid);
	c->pid = 0;
	forget_if_over(c);
	self->engine_stopped();
}

static unsigned signal_all(int sig)
{
	struct engine_process *c;
	unsigned alive = 0;

	TAILQ_FOREACH(c, &self->engines, link)
	{
		if (!c->pid)
			continue;
		if (sig)
			kill(c->pid, sig);
		if (waitpid(c->pid, NULL, WNOHANG) == c->pid)
			c->pid = 0;
		else
			alive++;
	}
	return alive;
}

void engine_processes_end(void)
{
	struct timespec pause = {.tv_nsec = 5000000};

	signal_all(SIGTERM);
	for (int ms = 0; signal_all(0) && ms < END_PATIENCE_MS; ms += 5)
		nanosleep(&pause, NULL);
	signal_all(SIGKILL);
}
