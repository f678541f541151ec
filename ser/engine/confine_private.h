/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared only by the confinement's own files. Each function returns 0 or a negative errno. */
#ifndef SER_ENGINE_CONFINE_PRIVATE_H
#define SER_ENGINE_CONFINE_PRIVATE_H

#include <stddef.h>
#include <sys/uio.h>

/* Closes all descriptors but these, which it sorts, and 0 to 2. */
int confine_descriptors(int *keep, size_t count);

/* Makes 0 to 2 lead nowhere. */
int confine_standard_streams(void);

/* Unmaps all memory that is shared with other processes but these ranges. */
int confine_memory(const struct iovec *keep, size_t count);

int confine_files(void);

/* Who makes another one ends with the exit code CONFINE_EXIT. channel leads to the supervisor. */
int confine_system_calls(int channel);

enum {
	CONFINE_EXIT = 3,
};

#endif
