/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/privileges.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void privileges_prepare(void)
{
	struct rlimit locked, none = {RLIM_INFINITY, RLIM_INFINITY};

	/*
	 * The limit belongs to a process, but the kernel compares it with the memory of all of the user's
	 * processes.
	 */
	if (!setrlimit(RLIMIT_MEMLOCK, &none) || getrlimit(RLIMIT_MEMLOCK, &locked))
		return;
	locked.rlim_cur = locked.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &locked);
}

unsigned long privileges_raise_files(unsigned long count)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return 0;
	if (files.rlim_cur >= count)
		return files.rlim_cur;
	files.rlim_cur = files.rlim_max < count ? files.rlim_max : count;
	return setrlimit(RLIMIT_NOFILE, &files) ? 0 : files.rlim_cur;
}

static int drop_capabilities(void)
{
	cap_t none = cap_init();
	int rc = none ? cap_set_proc(none) : -1;

	cap_free(none);
	return rc;
}

int privileges_drop(struct cfg_error *e)
{
	privileges_raise_files(RLIM_INFINITY);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) || prctl(PR_SET_DUMPABLE, 0) ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || drop_capabilities())
		return cfg_fail(e, "the TLS engine cannot drop its privileges: %s", strerror(errno));
	return 0;
}
