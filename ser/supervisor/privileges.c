/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/privileges.h"
#include "ser/shared/shortage.h"

#include <errno.h>
#include <signal.h>
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

/* What is needed to read files of any owner, as root can. */
static const cap_value_t reading[] = {CAP_DAC_READ_SEARCH};

static int may_be_kept(void)
{
	cap_flag_value_t has = CAP_CLEAR;
	cap_t now = cap_get_proc();

	if (now)
		cap_get_flag(now, reading[0], CAP_PERMITTED, &has);
	cap_free(now);
	return has == CAP_SET;
}

/* All others go; those of reading stay as far as the process has them, if they are kept. */
static int set_capabilities(int kept, int in_use)
{
	cap_t wanted = cap_init();
	int rc = wanted ? 0 : -1;

	if (!rc && kept && may_be_kept())
		rc = cap_set_flag(wanted, CAP_PERMITTED, 1, reading, CAP_SET) ||
		     cap_set_flag(wanted, CAP_EFFECTIVE, 1, reading, in_use ? CAP_SET : CAP_CLEAR);
	if (!rc)
		rc = cap_set_proc(wanted);
	cap_free(wanted);
	return rc;
}

void privileges_read(int begin)
{
	set_capabilities(1, begin); /* without it, files that it was for are reported */
}

int privileges_forget(void)
{
	return set_capabilities(0, 0);
}

int privileges_drop(struct cfg_error *e)
{
	privileges_raise_files(RLIM_INFINITY);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) || prctl(PR_SET_DUMPABLE, 0) ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || set_capabilities(1, 0))
		return cfg_fail(e, "the TLS engine cannot start: it cannot give up its rights: %s",
			shortage_text(-errno));
	return 0;
}
