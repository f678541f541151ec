/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes SER's memory out of an engine's reach: whatever is shared and not on the list is unmapped. */
#include "ser/engine/confine_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
	MAPPINGS_MAX = 256, /* shared ones; SER has some ten */
};

struct mapping {
	uintptr_t start, end;
};

static int is_kept(const struct mapping *m, const struct iovec *keep, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uintptr_t start = (uintptr_t)keep[i].iov_base;

		if (m->start >= start && m->start < start + keep[i].iov_len)
			return 1;
	}
	return 0;
}

/* Returns their number or a negative errno. */
static int list_shared(struct mapping *list)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char *line = NULL, mode[5];
	size_t size = 0;
	int n = 0;

	if (!file)
		return -errno;
	while (n >= 0 && getline(&line, &size, file) > 0) {
		struct mapping m;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &m.start, &m.end, mode) != 3)
			n = -EPROTO;
		else if (mode[3] != 's')
			continue;
		else if (n == MAPPINGS_MAX)
			n = -E2BIG;
		else
			list[n++] = m;
	}
	free(line);
	fclose(file);
	return n;
}

int confine_memory(const struct iovec *keep, size_t count)
{
	struct mapping list[MAPPINGS_MAX];
	int n = list_shared(list);

	for (int i = 0; i < n; i++)
		if (!is_kept(&list[i], keep, count) &&
			munmap((void *)list[i].start, list[i].end - list[i].start))
			return -errno;
	return n < 0 ? n : 0;
}
