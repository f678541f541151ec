/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A supervisor's side of a reload: it takes each step when it is asked to, and the last one also unasked. */
#include "ser/host/listening.h"
#include "ser/shared/domain.h"
#include "ser/shared/expiries.h"
#include "ser/shared/log.h"
#include "ser/shared/ticket_keys.h"
#include "ser/supervisor/expiry_watch.h"
#include "ser/supervisor/file_states.h"
#include "ser/supervisor/message_check.h"
#include "ser/supervisor/private.h"
#include "ser/supervisor/privileges.h"
#include "ser/supervisor/reload_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	KEPT = 512, /* bytes of an answer for its last lines, and for what reload.c adds */
};

static struct uring_op ordered, reported;
static struct reload_order current;
static struct reload_answer answer;

/* What the reload under way has made so far: */
static struct cfg_set *next;           /* the contexts; all other engines start with those in use */
static struct expiries *next_expiries; /* what of them expires; only the first supervisor's */
static struct engine_process *trial;   /* the engine that works with them, and accepts nothing yet */
static int report = -1;                /* what that has to say, before it was read */
static uint32_t is_ready;              /* the number of the reload, when that engine is ready */
static uint32_t finishing; /* its number, when it is decided but the engine before may still accept */
static int is_unsent;      /* the answer waits for memory */

static int built(SSL_CTX *ctx, const struct cfg_domain *d, void *arg, struct cfg_error *e)
{
	(void)arg;
	if (d->kind == CFG_SERVER && ticket_keys_use(ctx, supervisor.parts.params))
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

/* Appends a line whole, so that at least as much room is left. Returns 0, or 1 if that cannot be. */
static unsigned append(size_t left, const char *format, va_list args)
{
	size_t len = strlen(answer.text), room = sizeof(answer.text) - len;
	int n = vsnprintf(answer.text + len, room, format, args);

	if (n >= 0 && (size_t)n + left < room)
		return 0;
	answer.text[len] = '\0';
	return 1;
}

static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append(0, format, args);
	va_end(args);
}

/* One of many lines: behind them there must be room to say how many did not fit. */
static unsigned say_unless_full(const char *format, ...)
{
	unsigned rc;
	va_list args;

	va_start(args, format);
	rc = append(KEPT, format, args);
	va_end(args);
	return rc;
}

static void say_all(const char *what, const struct cfg_errors *errors, const char *where)
{
	unsigned more = errors->dropped;

	for (unsigned i = 0; i < errors->count; i++)
		more += say_unless_full("%s%s\n", what, errors->list[i].text);
	if (more)
		say("%sand %u more%s\n", what, more, errors->dropped ? "" : where);
}

static void say_domains(const struct cfg_config *config)
{
	char name[CFG_DOMAIN_TEXT];
	unsigned more = 0;

	for (unsigned i = 0; i < config->count; i++) {
		const struct cfg_domain *d = config->domains[i];

		more += say_unless_full("%s%s%s: %s\n", cfg_domain_text(d, name), d->server_name ? " " : "",
			d->server_name ? d->server_name : "",
			d->certificate ? d->certificate : "no certificate");
	}
	if (more)
		say("and %u more domains\n", more);
}

static void send_answer(int rc)
{
	size_t len = offsetof(struct reload_answer, text) + strlen(answer.text) + 1;

	answer.number = current.number;
	answer.rc = rc;
	is_unsent = send(reload_channels[supervisor.index].supervisor, &answer, len,
			    MSG_DONTWAIT | MSG_NOSIGNAL) < 0;
}

static void show_loading(uint32_t loading)
{
	__atomic_store_n(&scoreboard_engines[supervisor.index].loading, loading, __ATOMIC_RELAXED);
}

/* Afterwards everything is as if there had been no reload. */
static void forget(void)
{
	if (trial)
		engine_process_reject(trial);
	trial = NULL;
	is_ready = 0;
	cfg_set_unref(next);
	next = NULL;
	expiries_free(next_expiries);
	next_expiries = NULL;
	ticket_keys_forget_next();
}

/* One supervisor reads the keys of session tickets for all. */
static int read_ticket_keys(struct cfg_errors *errors)
{
	struct cfg_error e;

	if (supervisor.index || !ticket_keys_read_next(supervisor.parts.params, &e))
		return 0;
	return cfg_add_error(errors, "%s", e.text);
}

/* One supervisor shows it for all. */
static void note_expiries(struct cfg_errors *errors, struct cfg_errors *warnings)
{
	expiry_warn(next, supervisor.parts.params, time(NULL), warnings);
	if (supervisor.index)
		return;
	next_expiries = expiries_make(next);
	if (!next_expiries)
		cfg_add_error(errors, "shared memory is used up: raise it with kamailio -m");
}

/* Reads everything. Returns a configuration with contexts in next, or NULL. */
static struct cfg_config *read_all(struct cfg_errors *errors, struct cfg_errors *warnings)
{
	const struct params *params = supervisor.parts.params;
	const char *path = current.config[0] ? current.config : NULL;
	uint64_t before = file_state(path);
	struct cfg_config *config = params_domains(path, errors, warnings);

	if (!config)
		return NULL;
	answer.states[0] = before + file_states(config, params);
	listening_warn(config, warnings);
	next = build(config, errors, warnings);
	if (next)
		note_expiries(errors, warnings);
	read_ticket_keys(errors);
	answer.states[1] = file_state(path) + file_states(config, params);
	return config;
}

static void build_next(void)
{
	static struct cfg_errors errors, warnings;
	struct cfg_config *config;

	memset(&errors, 0, sizeof(errors));
	memset(&warnings, 0, sizeof(warnings));
	show_loading(1); /* it may wait for a file system or a token */
	privileges_read(1);
	config = read_all(&errors, &warnings);
	privileges_read(0);
	show_loading(0);
	say_all("", &errors, "");
	if (!errors.count)
		say_domains(config);
	if (!errors.count &&
		!supervisor.index) /* all say the same, and who asked may not show it to anybody */
		params_log(LOG_LEVEL_WARNING, &warnings);
	say_all(RELOAD_WARNING, &warnings, errors.count ? "" : ", which are in the log");
	cfg_config_unref(config);
	send_answer(errors.count ? -EINVAL : 0);
}

/*
 * The engine reports that it is ready, or why not; or it has died, perhaps after it said that it was ready,
 * or because it is not wanted any more.
 */
static void hear_report(struct uring_op *op, int res)
{
	struct cfg_error error = {.text = ""};
	ssize_t n = read(report, error.text, sizeof(error.text));

	(void)op;
	(void)res;
	engine_message_clean(error.text, sizeof(error.text));
	close(report);
	report = -1;
	if (trial && n == (ssize_t)sizeof(error.text) && !error.text[0] && trial->pid) {
		is_ready = current.reload;
		send_answer(0);
		return;
	}
	if (trial)
		say("the new engine %u does not start: %s\n", supervisor.index,
			n == (ssize_t)sizeof(error.text) && error.text[0] ? error.text : "it died");
	forget();
	send_answer(-ECHILD);
}

/* Returns NULL, or a phrase. */
static const char *start_trial(void)
{
	struct cfg_set *in_use = supervisor.parts.set;
	const char *why = "the supervisor's ring is full";
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return engine_process_why_not(errno);
	supervisor.parts.set = next;
	trial = engine_process_start(ends[1], &why);
	supervisor.parts.set = in_use;
	close(ends[1]);
	report = ends[0];
	if (trial && !uring_poll(supervisor.loop, &reported, report, POLLIN))
		return NULL;
	close(report);
	report = -1;
	return why;
}

static void start_next(void)
{
	const char *why = next ? start_trial() : "nothing was built for it";

	if (!why)
		return;
	say("the new engine %u cannot be started: %s\n", supervisor.index, why);
	forget();
	send_answer(-ECHILD);
}

static int has_stopped(void)
{
	const struct engine_process *p;

	TAILQ_FOREACH(p, &supervisor.engines, link)
	{
		if (p->pid && p->retired && !p->stopped)
			return 0;
	}
	return 1;
}

static void finish(void)
{
	if (finishing && has_stopped()) {
		reload_finished(finishing);
		finishing = 0;
	}
}

static void commit(void)
{
	struct engine_process *engine = trial;

	cfg_set_unref(supervisor.parts.set);
	supervisor.parts.set = next;
	next = NULL;
	trial = NULL;
	finishing = is_ready;
	is_ready = 0;
	ticket_keys_use_next();
	if (!supervisor.index)
		expiries_use(next_expiries);
	next_expiries = NULL;
	engine_process_activate(engine);
	finish();
}

void reload_look(void)
{
	if (is_ready && reload_is_committed(is_ready))
		commit();
	if (is_unsent)
		send_answer(answer.rc);
}

/* Returns 0, or -EBUSY while an engine of the last reload is not heard of. */
static int begin(void)
{
	if (report >= 0) {
		say("the reload before this one is not over: an engine does not end; try again\n");
		return -EBUSY;
	}
	forget();
	return 0;
}

static void take_step(void)
{
	answer.text[0] = '\0';
	is_unsent = 0;
	switch (current.step) {
	case RELOAD_BUILD:
		if (begin())
			send_answer(-EBUSY);
		else
			build_next();
		break;
	case RELOAD_START:
		start_next();
		break;
	case RELOAD_COMMIT:
		reload_look();
		break;
	default:
		forget();
		if (report < 0) /* else its end is heard of first */
			send_answer(0);
	}
}

static void obey(struct uring_op *op, int res)
{
	int fd = reload_channels[supervisor.index].supervisor;

	(void)res;
	if (recv(fd, &current, sizeof(current), MSG_DONTWAIT) == sizeof(current))
		take_step();
	if (uring_poll(supervisor.loop, op, fd, POLLIN))
		ser_log(LOG_LEVEL_CRITICAL,
			"tls.reload does not work any more: the supervisor's ring is full");
}

int reload_serve(void)
{
	ordered.done = obey;
	reported.done = hear_report;
	supervisor.engine_stopped = finish;
	return uring_poll(supervisor.loop, &ordered, reload_channels[supervisor.index].supervisor, POLLIN);
}
