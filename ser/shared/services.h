/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rooms that do not know the host need of it: shared memory and a log. */
#ifndef SER_SHARED_SERVICES_H
#define SER_SHARED_SERVICES_H

#include "ktls/stream.h"

struct services {
	/* Shared memory. alloc returns NULL when it is used up. Any process may free what another allocated.
	 */
	struct ktls_allocator memory;
	/* Writes one line; text is a sentence without a newline, level one of enum log_level. */
	void (*log)(int level, const char *text);
};

/* Those of this process; forked processes inherit them. */
extern struct services services;

#endif
