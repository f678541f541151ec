/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks in shared memory, between processes. */
#include "ser/shared/lock.h"
#include "support.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PROCESSES = 4,
	TIMES = 10000,
};

static struct shared {
	int lock, count;
} * shared;

static int make(void **state)
{
	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared == MAP_FAILED;
}

static int unmake(void **state)
{
	(void)state;
	return munmap(shared, sizeof(*shared));
}

static void in_child(void (*f)(void))
{
	if (fork())
		return;
	f();
	_exit(0);
}

static void count(void)
{
	for (int i = 0; i < TIMES; i++) {
		lock_get(&shared->lock);
		shared->count++;
		lock_release(&shared->lock);
	}
}

static void test_one_at_a_time(void **state)
{
	int status;

	(void)state;
	for (int i = 0; i < PROCESSES; i++)
		in_child(count);
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(shared->count, PROCESSES * TIMES);
	assert_true(lock_try(&shared->lock));
	assert_false(lock_try(&shared->lock));
	lock_release(&shared->lock);
}

static void die_with_it(void)
{
	lock_get(&shared->lock);
}

/* Whoever cleans up behind a process that died with a lock does not wait for it. */
static void test_holder_is_dead(void **state)
{
	int status;

	(void)state;
	in_child(die_with_it);
	assert_true(wait(&status) > 0);
	assert_false(lock_try(&shared->lock));
	lock_be_last();
	lock_get(&shared->lock);
	lock_release(&shared->lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_holder_is_dead),
	};

	return cmocka_run_group_tests_name("lock", tests, make, unmake);
}
