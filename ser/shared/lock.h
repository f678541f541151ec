/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks in shared memory: futex words of three states (0 free, 1 held, 2 held and waited for; futex(2)). Not
 * recursive. All bytes 0 is a free lock. A process that dies with one never lets go of it.
 */
#ifndef SER_SHARED_LOCK_H
#define SER_SHARED_LOCK_H

void lock_get(int *lock);
int lock_try(int *lock); /* 1 when it was taken */
void lock_release(int *lock);

#endif
