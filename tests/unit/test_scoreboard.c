/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that engines and supervisors share: connections by source address, and those on their way. */
#include "addresses.h"

#include "ser/shared/scoreboard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct scoreboard_source source(const char *text)
{
	union uring_address a = make_address(text, (uint16_t)(1 + strlen(text)));

	return scoreboard_source_of(&a);
}

static int set_up(void **state)
{
	(void)state;
	return scoreboard_init();
}

static void test_empty(void **state)
{
	struct scoreboard_source s = source("192.0.2.1");

	(void)state;
	assert_int_equal(scoreboard_source_connections(&s), 0);
	assert_int_equal(scoreboard_connections(), 0);
	for (int i = 0; i < SCOREBOARD_ENGINES_MAX; i++)
		assert_zero(&scoreboard_engines[i], sizeof(scoreboard_engines[i]));
}

static void test_enter_and_leave(void **state)
{
	struct scoreboard_source s = source("192.0.2.1");

	(void)state;
	for (unsigned i = 1; i <= 1000; i++) {
		scoreboard_source_enter(&s);
		assert_int_equal(scoreboard_source_connections(&s), i);
	}
	for (unsigned i = 1000; i > 0; i--) {
		assert_int_equal(scoreboard_source_connections(&s), i);
		scoreboard_source_leave(&s);
	}
	assert_int_equal(scoreboard_source_connections(&s), 0);
	assert_int_equal(scoreboard_connections(), 0);
	scoreboard_count_connections(3);
	scoreboard_count_connections(-1);
	assert_int_equal(scoreboard_connections(), 2);
	scoreboard_count_connections(-2);
	assert_int_equal(scoreboard_connections(), 0);
}

/* Which addresses are one host is test_address.c's. */
static void test_hosts(void **state)
{
	struct scoreboard_source one = source("2001:db8:0:1::1"), same = source("2001:db8:0:1::2"),
				 other = source("2001:db8:0:2::1");

	(void)state;
	scoreboard_source_enter(&one);
	assert_int_equal(scoreboard_source_connections(&same), 1);
	assert_int_equal(scoreboard_source_connections(&other), 0);
	scoreboard_source_leave(&one);
}

/* Where a process counted is seen by the others, and the key is the same in all. */
static void test_other_process(void **state)
{
	struct scoreboard_source s = source("192.0.2.77");
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct scoreboard_source again = source("192.0.2.77");

		scoreboard_source_enter(&again);
		scoreboard_count_connections(1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(scoreboard_source_connections(&s), 1);
	assert_int_equal(scoreboard_connections(), 1);
}

enum {
	HOSTS = 20000, /* in a table of 65536 slots */
	STEPS = 400000,
};

/* Never fewer than there are; more for few of them only; none left over at the end. */
static void test_many(void **state)
{
	static unsigned counts[HOSTS];
	static struct scoreboard_source sources[HOSTS];
	unsigned over = 0;
	uint64_t random = 1;

	(void)state;
	for (unsigned i = 0; i < HOSTS; i++) {
		union uring_address a = numbered_address(i);

		sources[i] = scoreboard_source_of(&a);
	}
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = next_random(&random) % HOSTS;

		if (counts[i] && next_random(&random) % 2) {
			scoreboard_source_leave(&sources[i]);
			counts[i]--;
		} else {
			scoreboard_source_enter(&sources[i]);
			counts[i]++;
		}
		assert_true(scoreboard_source_connections(&sources[i]) >= counts[i]);
	}
	for (unsigned i = 0; i < HOSTS; i++) {
		unsigned n = scoreboard_source_connections(&sources[i]);

		assert_true(n >= counts[i]);
		over += n > counts[i];
	}
	/* Both counters are shared with others: (1 - exp(-20000/65536))^2 is 7 percent. */
	assert_in_range(over, 0, HOSTS / 7);
	for (unsigned i = 0; i < HOSTS; i++)
		while (counts[i]--)
			scoreboard_source_leave(&sources[i]);
	for (unsigned i = 0; i < HOSTS; i++)
		assert_int_equal(scoreboard_source_connections(&sources[i]), 0);
}

/* Addresses that share one of a host's counters are found, those that share both are as rare as they should
 * be: the two hashes have nothing to do with each other. */
static void test_hashes_differ(void **state)
{
	struct scoreboard_source s = source("10.0.0.1");
	unsigned one = 0, both = 0;

	(void)state;
	for (unsigned i = 2; i < 1u << 20; i++) {
		union uring_address a = make_address("10.0.0.0", 1);
		struct scoreboard_source other;

		a.in.sin_addr.s_addr = htonl(0x0a000000 + i);
		other = scoreboard_source_of(&a);
		one += other.slot[0] == s.slot[0];
		both += other.slot[0] == s.slot[0] && other.slot[1] == s.slot[1];
		assert_true(
			other.slot[0] < SCOREBOARD_SOURCE_SLOTS && other.slot[1] < SCOREBOARD_SOURCE_SLOTS);
	}
	assert_in_range(one, 1, 100); /* 16 are to be expected */
	assert_in_range(both, 0, 2);
}

/* Whether the kernel writes there; the byte that it writes is the one that is there. */
static int is_writable(const int pair[2], uint8_t *at)
{
	assert_int_equal(send(pair[0], at, 1, 0), 1);
	if (recv(pair[1], at, 1, MSG_DONTWAIT) == 1)
		return 1;
	assert_int_equal(errno, EFAULT);
	assert_int_equal(recv(pair[1], &(uint8_t){0}, 1, 0), 1);
	return 0;
}

/* Only its page, and mprotect(2) changes nothing. Runs in a child; returns what is wrong. */
static int confined(unsigned engine, unsigned process)
{
	struct iovec all = scoreboard_memory();
	uint8_t *start = all.iov_base, *own = (uint8_t *)scoreboard_page(engine, process);
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || scoreboard_confine(engine, process))
		return 1;
	scoreboard_page(engine, process)->beat = 7;
	for (uint8_t *at = start; at < start + all.iov_len; at += page_size)
		if (is_writable(pair, at) != (at == own) ||
			(at != own && !mprotect(at, page_size, PROT_READ | PROT_WRITE)))
			return 2;
	return scoreboard_page(engine, process)->beat == 7 ? 0 : 3;
}

static void test_confine(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		_exit(confined(3, 5));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* It is one memory, and still ours to write. */
	assert_int_equal(scoreboard_page(3, 5)->beat, 7);
	scoreboard_page(3, 4)->beat = 1;
	scoreboard_page(3, 5)->beat = 2;
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_enter_and_leave),
		TEST(test_hosts),
		TEST(test_other_process),
		TEST(test_confine),
		TEST(test_many),
		TEST(test_hashes_differ),
	};

	return cmocka_run_group_tests_name("board", tests, NULL, NULL);
}
