/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For LD_PRELOAD: the clock is an hour behind that of files, as where a file server's is ahead. */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, ts);

	if (clock == CLOCK_REALTIME_COARSE)
		ts->tv_sec -= 3600;
	return rc;
}
