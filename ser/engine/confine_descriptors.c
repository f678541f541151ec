/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An engine's descriptors: a list of what it keeps, so that nothing slips in that somebody opens one day. */
#include "ser/engine/confine_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

int confine_descriptors(int *keep, size_t count)
{
	unsigned first = STDERR_FILENO + 1;

	qsort(keep, count, sizeof(*keep), compare);
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < (int)first)
			continue;
		if ((unsigned)keep[i] > first && close_range(first, (unsigned)keep[i] - 1, 0))
			return -errno;
		first = (unsigned)keep[i] + 1;
	}
	return close_range(first, UINT_MAX, 0) ? -errno : 0;
}

/* What stands there may be a terminal, or the log. */
int confine_standard_streams(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	for (int to = STDIN_FILENO; !rc && to <= STDERR_FILENO; to++)
		if (dup2(fd, to) < 0)
			rc = -errno;
	if (fd > STDERR_FILENO)
		close(fd);
	return rc;
}
