/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_last;

int lock_try(int *lock)
{
	int free_word = 0;

	return __atomic_compare_exchange_n(lock, &free_word, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void lock_get(int *lock)
{
	if (is_last || lock_try(lock))
		return;
	while (__atomic_exchange_n(lock, 2, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, lock, FUTEX_WAIT, 2, NULL, NULL, 0);
}

void lock_release(int *lock)
{
	if (__atomic_exchange_n(lock, 0, __ATOMIC_RELEASE) == 2)
		syscall(SYS_futex, lock, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void lock_be_last(void)
{
	is_last = 1;
}
