/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/reload.h"

#include "ktls/clock.h"
#include "ser/shared/domain.h"
#include "ser/shared/lock.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"
#include "ser/shared/services.h"
#include "ser/shared/ticket_keys.h"
#include "ser/supervisor/message_check.h"
#include "ser/supervisor/private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	ANSWER_WITHIN_MS = 30000,
};

enum command {
	BUILD,
	USE,
	FORGET,
};

struct request {
	uint32_t number;
	uint32_t command;      /* enum command */
	char config[PATH_MAX]; /* for BUILD: tls.cfg; empty: none */
};

struct answer {
	uint32_t number;
	int32_t rc; /* 0 or a negative errno */
	char text[RELOAD_TEXT];
};

struct channel {
	int supervisor, others; /* ends */
};

static const struct params *params;
static struct channel channels[SCOREBOARD_ENGINES_MAX];
static struct {
	int lock;
	uint32_t number; /* the last request's */
	struct reload_last last;
} * shared;

int reload_prepare(const struct params *p)
{
	int ends[2];

	params = p;
	shared = services.memory.alloc(sizeof(*shared));
	if (!shared)
		return -ENOMEM;
	memset(shared, 0, sizeof(*shared));
	clock_gettime(CLOCK_REALTIME_COARSE, &shared->last.began);
	if (p->config)
		snprintf(shared->last.config, sizeof(shared->last.config), "%s", p->config);
	for (int i = 0; i < p->engines; i++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
			return -errno;
		channels[i] = (struct channel){ends[0], ends[1]};
	}
	return 0;
}

/* The supervisor's side: */

static struct uring_op requested, reported;
static struct cfg_set *next;  /* built, but not in use */
static struct cfg_set *tried; /* while an engine starts with it; all others start with the one before */
static struct engine_process *starting;
static int report = -1;
static struct request current;
static struct answer answer;

static int built(SSL_CTX *ctx, const struct cfg_domain *d, void *arg, struct cfg_error *e)
{
	(void)arg;
	if (d->kind == CFG_SERVER && ticket_keys_use(ctx, params))
		return cfg_fail(e, "out of memory");
	return domain_attach(ctx, d, e);
}

static struct cfg_set *build(
	struct cfg_config *config, struct cfg_errors *errors, struct cfg_errors *warnings)
{
	const struct cfg_build how = {.kinds = 1 << CFG_SERVER | 1 << CFG_CLIENT, .built = built};

	return cfg_build_set(config, &how, errors, warnings);
}

struct cfg_set *reload_build(struct cfg_config *config, struct cfg_error *e)
{
	static struct cfg_errors errors, warnings; /* mod_init() has reported them */
	struct cfg_set *set = build(config, &errors, &warnings);

	if (!set)
		*e = errors.list[0];
	return set;
}

static void say(const char *format, ...)
{
	size_t len = strlen(answer.text);
	va_list args;

	va_start(args, format);
	vsnprintf(answer.text + len, sizeof(answer.text) - len, format, args);
	va_end(args);
}

static void say_all(const char *what, const struct cfg_errors *errors)
{
	for (unsigned i = 0; i < errors->count; i++)
		say("%s%s\n", what, errors->list[i].text);
	if (errors->dropped)
		say("%sand %u more\n", what, errors->dropped);
}

static void say_domains(const struct cfg_config *config)
{
	char name[CFG_DOMAIN_TEXT];

	for (unsigned i = 0; i < config->count; i++) {
		const struct cfg_domain *d = config->domains[i];

		say("%s%s%s: %s\n", cfg_domain_text(d, name), d->server_name ? " " : "",
			d->server_name ? d->server_name : "",
			d->certificate ? d->certificate : "no certificate");
	}
}

static void send_answer(int rc)
{
	size_t len = offsetof(struct answer, text) + strlen(answer.text) + 1;

	answer.number = current.number;
	answer.rc = rc;
	if (send(channels[supervisor.index].supervisor, &answer, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		ser_log(LOG_LEVEL_ERROR, "tls.reload gets no answer: %s", strerror(errno));
}

static void forget_next(void)
{
	cfg_set_unref(next);
	next = NULL;
}

static void show_loading(uint32_t loading)
{
	__atomic_store_n(&scoreboard_engines[supervisor.index].loading, loading, __ATOMIC_RELAXED);
}

static void build_next(void)
{
	static struct cfg_errors errors, warnings;
	struct cfg_config *config;

	forget_next();
	memset(&errors, 0, sizeof(errors));
	memset(&warnings, 0, sizeof(warnings));
	show_loading(1); /* it may wait for a file system or a token */
	config = params_domains(current.config[0] ? current.config : NULL, &errors, &warnings);
	if (config)
		next = build(config, &errors, &warnings);
	show_loading(0);
	if (next)
		say_domains(config);
	say_all("warning: ", &warnings);
	say_all("", &errors);
	cfg_config_unref(config);
	send_answer(next ? 0 : -EINVAL);
}

/* The engine reports that it is ready, or why not; or it has died, perhaps after it said that it was ready.
 */
static void ready(struct uring_op *op, int res)
{
	struct cfg_error error = {.text = ""};
	ssize_t n = read(report, error.text, sizeof(error.text));

	(void)op;
	(void)res;
	engine_message_clean(error.text, sizeof(error.text));
	close(report);
	report = -1;
	if (n == (ssize_t)sizeof(error.text) && !error.text[0] && starting->pid) {
		cfg_set_unref(supervisor.parts.set);
		supervisor.parts.set = tried;
		engine_process_activate(starting);
		send_answer(0);
	} else {
		say("the new engine does not start: %s\n",
			n == (ssize_t)sizeof(error.text) && error.text[0] ? error.text : "it died");
		engine_process_reject(starting);
		cfg_set_unref(tried);
		send_answer(-ECHILD);
	}
	tried = NULL;
	starting = NULL;
}

static int start_next(void)
{
	struct cfg_set *in_use = supervisor.parts.set;
	int ends[2];

	if (!next || starting || pipe2(ends, O_CLOEXEC))
		return -EBUSY;
	supervisor.parts.set = next;
	starting = engine_process_start(ends[1]);
	supervisor.parts.set = in_use;
	close(ends[1]);
	report = ends[0];
	if (starting && !uring_poll(supervisor.loop, &reported, report, POLLIN)) {
		tried = next;
		next = NULL;
		return 0;
	}
	if (starting)
		engine_process_reject(starting);
	close(report);
	starting = NULL;
	return -ECHILD;
}

static void use_next(void)
{
	struct cfg_error e;
	int rc;

	show_loading(1);
	if (!supervisor.index && ticket_keys_reload(params, &e))
		say("warning: %s; the keys stay as they were\n", e.text);
	show_loading(0);
	rc = start_next();
	if (!rc)
		return;
	say("the new engine does not start: %s\n", strerror(-rc));
	forget_next();
	send_answer(rc);
}

static void obey(struct uring_op *op, int res)
{
	int fd = channels[supervisor.index].supervisor;

	(void)res;
	if (recv(fd, &current, sizeof(current), MSG_DONTWAIT) == sizeof(current)) {
		answer.text[0] = '\0';
		switch (current.command) {
		case BUILD:
			build_next();
			break;
		case USE:
			use_next();
			break;
		default:
			forget_next();
			send_answer(0);
		}
	}
	if (uring_poll(supervisor.loop, op, fd, POLLIN))
		ser_log(LOG_LEVEL_CRITICAL,
			"tls.reload does not work any more: the supervisor's ring is full");
}

int reload_serve(void)
{
	requested.done = obey;
	reported.done = ready;
	return uring_poll(supervisor.loop, &requested, channels[supervisor.index].supervisor, POLLIN);
}

/* The requesting side: */

/* Skips answers to requests that nobody waits for any more. */
static int wait_for_answer(int fd, uint32_t number, struct answer *a)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t end = ktls_clock_ms() + ANSWER_WITHIN_MS, left;
	ssize_t n;

	while ((left = end - ktls_clock_ms()) > 0) {
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = recv(fd, a, sizeof(*a) - 1, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n <= (ssize_t)offsetof(struct answer, text))
			continue;
		((char *)a)[n] = '\0';
		if (a->number == number)
			return a->rc;
	}
	return -ETIMEDOUT;
}

static int ask(int i, enum command command, const char *config, struct answer *a)
{
	struct request r = {.number = ++shared->number, .command = command};
	int rc;

	if (config)
		snprintf(r.config, sizeof(r.config), "%s", config);

	a->text[0] = '\0';
	if (send(channels[i].others, &r, sizeof(r), MSG_NOSIGNAL) != sizeof(r))
		rc = -errno;
	else
		rc = wait_for_answer(channels[i].others, r.number, a);
	if (rc && !a->text[0])
		snprintf(a->text, sizeof(a->text), "the supervisor of engine %d does not answer: %s\n", i,
			strerror(-rc));
	return rc;
}

static int ask_all(enum command command, const char *config, struct answer *a)
{
	int rc = 0;

	for (int i = 0; !rc && i < params->engines; i++)
		rc = ask(i, command, config, a);
	return rc;
}

static void note(struct timespec began, const char *config)
{
	shared->last.number++;
	shared->last.began = began;
	snprintf(shared->last.config, sizeof(shared->last.config), "%s", config ? config : "");
}

int reload_request(const char *config, char text[RELOAD_TEXT])
{
	static struct answer a, forgotten;
	struct timespec began;
	int rc;

	lock_get(&shared->lock);
	clock_gettime(CLOCK_REALTIME_COARSE, &began);
	rc = ask_all(BUILD, config, &a);
	snprintf(text, RELOAD_TEXT, "%s", a.text);
	if (rc) {
		ask_all(FORGET, NULL, &forgotten);
	} else {
		rc = ask_all(USE, NULL, &a);
		if (rc)
			snprintf(text, RELOAD_TEXT, "%s", a.text);
		else
			note(began, config);
	}
	lock_release(&shared->lock);
	return rc;
}

struct reload_last reload_last(void)
{
	struct reload_last last;

	lock_get(&shared->lock);
	last = shared->last;
	lock_release(&shared->lock);
	return last;
}
