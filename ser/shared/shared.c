/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/shared.h"

#include "ser/host/layout.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *alloc(size_t len)
{
	return _shm_root.xmalloc(_shm_root.block, len, __FILE__, __func__, __LINE__, "tls");
}

static void release(void *p)
{
	_shm_root.xfree(_shm_root.block, p, __FILE__, __func__, __LINE__, "tls");
}

const struct ktls_allocator shared_memory = {.alloc = alloc, .release = release};

int shared_trylock(int *lock)
{
	int free_word = 0;

	return __atomic_compare_exchange_n(lock, &free_word, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void shared_lock(int *lock)
{
	if (shared_trylock(lock))
		return;
	while (__atomic_exchange_n(lock, 2, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, lock, FUTEX_WAIT, 2, NULL, NULL, 0);
}

void shared_unlock(int *lock)
{
	if (__atomic_exchange_n(lock, 0, __ATOMIC_RELEASE) == 2)
		syscall(SYS_futex, lock, FUTEX_WAKE, 1, NULL, NULL, 0);
}
