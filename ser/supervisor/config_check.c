/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/config_check.h"

#include "cfg/set.h"
#include "ser/host/layout.h"
#include "ser/supervisor/expiry_watch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct found {
	int64_t began; /* the time that it is checked for */
	struct cfg_errors errors, warnings;
};

/* This process could read it, but those that do so later cannot. */
static void check_for_reload(const char *name, const char *path, struct cfg_errors *warnings)
{
	if (path && access(path, R_OK))
		cfg_add_error(warnings,
			"%s: SER's user may not read '%s', so tls.reload will fail; give that user the right",
			name, path);
}

static void build(struct cfg_config *config, const struct params *params, struct found *found)
{
	const struct cfg_build how = {.kinds = 1 << CFG_SERVER | 1 << CFG_CLIENT};
	struct cfg_set *set;

	/* With the rights that SER will have. */
	if (do_suid()) {
		cfg_add_error(&found->errors,
			"SER cannot run as the user that it is told to (-u, -g): the core has "
			"logged why");
		_exit(1);
	}
	check_for_reload("config", params->config, &found->warnings);
	check_for_reload("session_ticket_keys", params->session_ticket_keys, &found->warnings);
	set = cfg_build_set(config, &how, &found->errors, &found->warnings);
	if (set)
		expiry_warn(set, params, found->began, &found->warnings);
	_exit(set ? 0 : 1);
}

/* Returns the child's status as from waitpid(), or a negative errno. */
static int run(struct cfg_config *config, const struct params *params, struct found *found)
{
	const struct sigaction ignore = {.sa_handler = SIG_DFL};
	struct sigaction core;
	int status = 0;
	pid_t pid;

	/* The core would mistake the child's end for that of one of its own processes. */
	if (sigaction(SIGCHLD, &ignore, &core))
		return -errno;
	pid = fork();
	if (!pid)
		build(config, params, found);
	if (pid < 0)
		status = -errno;
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) {
			status = -errno;
			break;
		}
	sigaction(SIGCHLD, &core, NULL);
	return status;
}

static void append(struct cfg_errors *to, const struct cfg_errors *from)
{
	for (unsigned i = 0; i < from->count; i++)
		cfg_add_error(to, "%s", from->list[i].text);
	to->dropped += from->dropped;
}

int config_check_contexts(struct cfg_config *config, const struct params *params, struct cfg_errors *errors,
	struct cfg_errors *warnings)
{
	struct found *found =
		mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, rc;

	if (found == MAP_FAILED)
		return cfg_add_error(errors, "out of memory while the certificates and keys were checked");
	found->began = expiry_watch_begin();
	status = run(config, params, found);
	append(errors, &found->errors);
	append(warnings, &found->warnings);
	rc = status ? -1 : 0;
	if (rc && !found->errors.count)
		cfg_add_error(errors,
			"certificates and keys were not checked, because the process for that %s (%s)",
			status < 0 ? "cannot be started: memory or processes are short" : "ended",
			status < 0            ? strerror(-status)
			: WIFSIGNALED(status) ? strsignal(WTERMSIG(status))
					      : "by itself");
	munmap(found, sizeof(*found));
	return rc;
}
