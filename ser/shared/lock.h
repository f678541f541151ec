/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks in shared memory: a futex word with three states (0 free, 1 held, 2 held and waited for; futex(2)).
 * They are not recursive. All bytes 0 is a free lock. If a process dies while it holds a lock, the lock stays
 * held, until the last process says that it is the last.
 */
#ifndef SER_SHARED_LOCK_H
#define SER_SHARED_LOCK_H

void lock_get(int *lock);
int lock_try(int *lock); /* 1 if it was taken */
void lock_release(int *lock);

/* For the last of SER's processes, which cleans up: from now on it waits for no lock, because a holder is
 * dead. */
void lock_be_last(void);

#endif
