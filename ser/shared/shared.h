/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory and locks that all of the host's processes share. */
#ifndef SER_SHARED_SHARED_H
#define SER_SHARED_SHARED_H

#include "ktls/stream.h"

/* The host's shared memory; alloc returns NULL when it is used up. Any process may free what another
 * allocated. */
extern const struct ktls_allocator shared_memory;

/*
 * The host's locks: futex words of three states (0 free, 1 held, 2 held and waited for), as its build with
 * USE_FUTEX has them. Not recursive.
 */
void shared_lock(int *lock);
int shared_trylock(int *lock); /* 1 when it was taken */
void shared_unlock(int *lock);

#endif
