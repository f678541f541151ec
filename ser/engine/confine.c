/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/engine/confine.h"

#include "ser/engine/confine_private.h"
#include "ser/shared/confinement.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"
#include "ser/shared/shortage.h"
#include "ser/shared/ticket_keys.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sanitizer's runtime reads files and makes system calls of its own. */
#ifdef __has_feature
#define FEATURE(name) __has_feature(name)
#else
#define FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || FEATURE(address_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static int holds(struct confine *c, enum confinement what)
{
	c->holds |= 1u << what;
	return 0;
}

/* The reason is a phrase. */
static int __attribute__((format(printf, 3, 4)))
lacks(struct confine *c, struct cfg_error *error, const char *format, ...)
{
	char why[CONFINE_WHY];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (c->level == CONFINE_REQUIRED)
		return cfg_fail(error, "engine_confinement is %d, but %s", CONFINE_REQUIRED, why);
	if (!c->why[0])
		strcpy(c->why, why);
	return 0;
}

/* Those of the core would run with its memory gone. Who sends SER a signal sends it to engines, too. */
static void drop_handlers(void)
{
	static const int ignored[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
}

static int close_others(const struct engine_parts *parts, int report)
{
	size_t count = parts->listener_count;
	int *keep = calloc(count + 2, sizeof(*keep)), rc;

	if (!keep)
		return -ENOMEM;
	memcpy(keep, parts->listeners, count * sizeof(*keep));
	keep[count++] = parts->channel;
	keep[count++] = report;
	rc = confine_descriptors(keep, count);
	free(keep);
	return rc;
}

static int leave_memory(const struct engine_parts *parts)
{
	const struct iovec keep[] = {scoreboard_memory(), ticket_keys_memory()};
	int rc = scoreboard_confine(parts->engine, parts->process);

	if (!rc)
		rc = ticket_keys_confine();
	return rc ? rc : confine_memory(keep, sizeof(keep) / sizeof(keep[0]));
}

int confine_start(struct confine *c, const struct engine_parts *parts, int report, struct cfg_error *error)
{
	int rc = close_others(parts, report);

	if (rc)
		return cfg_fail(
			error, "the TLS engine cannot close what is not its own: %s", shortage_text(rc));
	drop_handlers();
	if (c->level == CONFINE_OFF)
		return 0;
	rc = leave_memory(parts);
	return rc ? lacks(c, error, "SER's memory stays within the engine's reach: %s", shortage_text(rc))
		  : holds(c, CONFINEMENT_MEMORY);
}

int confine_loop(struct confine *c, struct uring_loop **loop, struct cfg_error *error)
{
	const char *why;
	int rc;

	if (c->level != CONFINE_OFF) {
		if (!uring_loop_new_restricted(loop, &why))
			return holds(c, CONFINEMENT_RING);
		if (lacks(c, error, "%s", why))
			return -1;
	}
	rc = uring_loop_new(loop, &why);
	return rc ? cfg_fail(error, "the TLS engine cannot start: %s (%s)", why, strerror(-rc)) : 0;
}

static int leave_files(struct confine *c, struct cfg_error *error)
{
	int rc = confine_standard_streams();

	if (!rc)
		rc = confine_files();
	if (rc == -ENOSYS || rc == -EOPNOTSUPP)
		return lacks(c, error, "this kernel has no Landlock (CONFIG_SECURITY_LANDLOCK and lsm=)");
	return rc ? lacks(c, error, "files stay within the engine's reach: %s", shortage_text(rc))
		  : holds(c, CONFINEMENT_FILES);
}

static int leave_system_calls(struct confine *c, int channel, struct cfg_error *error)
{
	int rc = confine_system_calls(channel);

	return rc ? lacks(c, error, "this kernel does not filter system calls (seccomp): %s",
			    shortage_text(rc))
		  : holds(c, CONFINEMENT_SYSTEM_CALLS);
}

/* All engines of a machine are alike, so one line is enough. */
static void say(const struct confine *c, const struct engine_parts *parts)
{
	char text[CONFINEMENT_TEXT];

	if (parts->engine || !parts->first)
		return;
	confinement_text(c->holds, text);
	if (c->level == CONFINE_OFF)
		ser_log(LOG_LEVEL_WARNING, "the TLS engine is not confined: engine_confinement is 0");
	else if (c->why[0])
		ser_log(LOG_LEVEL_NOTICE, "the TLS engine is confined in part (%s): %s", text, c->why);
	else
		ser_log(LOG_LEVEL_NOTICE, "the TLS engine is confined (%s)", text);
}

int confine_finish(struct confine *c, const struct engine_parts *parts, struct cfg_error *error)
{
	const char *who = SANITIZED                            ? "a sanitizer"
			  : cfg_set_needs_provider(parts->set) ? "the provider of a private key's URI"
							       : NULL;
	int rc = 0;

	if (c->level != CONFINE_OFF && who)
		rc = lacks(c, error, "%s needs files and system calls", who);
	else if (c->level != CONFINE_OFF)
		rc = leave_files(c, error) || leave_system_calls(c, parts->channel, error) ? -1 : 0;
	if (!rc)
		say(c, parts);
	return rc;
}
