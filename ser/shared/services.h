/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the folders that do not know the host need from it: shared memory and a log. */
#ifndef SER_SHARED_SERVICES_H
#define SER_SHARED_SERVICES_H

#include "ktls/stream.h"

struct log_place;

struct services {
	/*
	 * Shared memory. alloc returns NULL if it is used up. Any process may free what another one
	 * allocated.
	 */
	struct ktls_allocator memory;
	/* Writes one line; text is a sentence without a newline, level one of enum log_level. */
	void (*log)(const struct log_place *place, int level, const char *text);
};

/* This process's services; forked processes inherit them. */
extern struct services services;

#endif
