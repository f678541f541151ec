/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/certificate_watch.h"
#include "ser/supervisor/file_states.h"

#include "ser/connection/listeners.h"
#include "ser/host/layout.h"
#include "ser/host/services.h"
#include "ser/shared/log.h"
#include "ser/shared/params.h"
#include "ser/supervisor/file_states.h"
#include "ser/supervisor/private.h"
#include "ser/supervisor/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What distinguishes one state of a file from another; all bytes 0: unknown. */
struct state {
	int error; /* 0, or why it cannot be examined */
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec written, changed;
};

struct file {
	char *path;
	struct state used[2], last[2]; /* of a link and of what it points to */
};

static struct file *files;
static unsigned count;

static struct state state_of(int rc, const struct stat *s)
{
	struct state state;

	memset(&state, 0, sizeof(state)); /* states are compared as bytes */
	state.error = rc ? errno : 0;
	if (rc)
		return state;
	state.device = s->st_dev;
	state.inode = s->st_ino;
	state.size = s->st_size;
	state.written = s->st_mtim;
	state.changed = s->st_ctim;
	return state;
}

static void look_at(const char *path, struct state state[2])
{
	struct stat s;

	state[0] = state_of(lstat(path, &s), &s);
	state[1] = state_of(stat(path, &s), &s);
}

static int is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static void add(void *unused, const char *path)
{
	struct file *more;

	(void)unused;
	if (!path || !strncmp(path, CFG_KEY_URI, strlen(CFG_KEY_URI)))
		return;
	more = realloc(files, (count + 1) * sizeof(*files));
	if (!more)
		return;
	files = more;
	memset(&files[count], 0, sizeof(*files));
	files[count].path = strdup(path);
	if (files[count].path)
		count++;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static void drop_doubles(void)
{
	unsigned kept = 0;

	if (count)
		qsort(files, count, sizeof(*files), by_path);
	for (unsigned i = 0; i < count; i++)
		if (kept && !strcmp(files[kept - 1].path, files[i].path))
			free(files[i].path);
		else
			files[kept++] = files[i];
	count = kept;
}

/*
 * A file that changed after the supervisors began to read may not be what they have read, so its state counts
 * as unknown; not where it is the state that was in use before: files can have times of another clock, which
 * is ahead.
 */
static void note_states(const struct timespec *began, const struct file *before, unsigned count_before)
{
	for (unsigned i = 0; i < count; i++) {
		struct file *f = &files[i];
		const struct file *old =
			count_before ? bsearch(f, before, count_before, sizeof(*before), by_path) : NULL;

		look_at(f->path, f->last);
		if ((is_before(&f->last[0].changed, began) && is_before(&f->last[1].changed, began)) ||
			(old && !memcmp(old->used, f->last, sizeof(f->last))))
			memcpy(f->used, f->last, sizeof(f->used));
	}
}

/* Lists the files of the configuration in use. If that cannot be read any more, the list stays as it is. */
static void list(const struct reload_last *last)
{
	static struct cfg_errors errors, warnings;
	struct file *before = files;
	unsigned count_before = count;
	struct cfg_config *c;

	memset(&errors, 0, sizeof(errors));
	memset(&warnings, 0, sizeof(warnings));
	c = params_domains(last->config[0] ? last->config : NULL, &errors, &warnings);
	if (!c)
		return;
	files = NULL;
	count = 0;
	for (unsigned i = 0; i < c->count; i++)
		file_states_each(c->domains[i], add, NULL);
	cfg_config_unref(c);
	drop_doubles();
	note_states(&last->began, before, count_before);
	for (unsigned i = 0; i < count_before; i++)
		free(before[i].path);
	free(before);
}

/*
 * Returns the first file that differs from what is in use, or NULL; also NULL while any file still changes.
 */
static const struct file *look(void)
{
	const struct file *changed = NULL;
	int restless = 0;

	for (unsigned i = 0; i < count; i++) {
		struct file *f = &files[i];
		struct state now[2];

		look_at(f->path, now);
		restless |= memcmp(now, f->last, sizeof(now)) != 0;
		memcpy(f->last, now, sizeof(now));
		if (!changed && memcmp(now, f->used, sizeof(now)) != 0)
			changed = f;
	}
	return restless ? NULL : changed;
}

static void reload(const struct file *changed, const char *config)
{
	static char text[RELOAD_TEXT];
	char *end;
	int rc = reload_request(config[0] ? config : NULL, text);

	end = strchr(text, '\n');
	if (end)
		*end = '\0';
	if (rc)
		ser_log(LOG_LEVEL_ERROR, "'%s' has changed, but everything stays as it was: %s",
			changed->path, text);
	else
		ser_log(LOG_LEVEL_NOTICE, "'%s' has changed: the TLS configuration was reloaded",
			changed->path);
	/* Whatever the result, do not try again with the same files. */
	for (unsigned i = 0; i < count; i++)
		memcpy(files[i].used, files[i].last, sizeof(files[i].used));
}

static void __attribute__((noreturn)) watch(unsigned seconds)
{
	struct reload_last last = reload_last();
	uint32_t known = last.number;
	const struct file *changed;

	list(&last);
	for (;;) {
		sleep(seconds);
		last = reload_last();
		if (last.number != known) {
			known = last.number;
			list(&last);
			continue;
		}
		changed = look();
		if (changed)
			reload(changed, last.config);
	}
}

int certificate_watch_start(unsigned seconds)
{
	int pid = fork_process(HOST_PROC_NOCHLDINIT, "tls certificate watch", 0);

	if (pid < 0) {
		ser_log(LOG_LEVEL_ERROR, "the process that watches certificates cannot be forked: %s",
			engine_process_why_not(errno));
		return -1;
	}
	if (pid)
		return 0;
	host_hold_settings();
	listeners_close();
	watch(seconds);
}
