/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of hosts: one entry each as long as somebody uses it, and many at once. */
#include "support.h"

#include "uring/sources.h"

#include <string.h>

static union uring_address numbered(unsigned i)
{
	union uring_address a;

	memset(&a, 0, sizeof(a));
	if (i % 2) {
		a.any.sa_family = AF_INET;
		a.in.sin_addr.s_addr = htonl(0x0a000000 + i);
	} else {
		a.any.sa_family = AF_INET6;
		a.in6.sin6_addr.s6_addr[0] = 0x20;
		memcpy(&a.in6.sin6_addr.s6_addr[4], &i, sizeof(i));
	}
	return a;
}

/* More than were expected, entered and left in any order. */
static void check_many(unsigned expected)
{
	enum {
		HOSTS = 3000,
		STEPS = 200000
	};
	static struct uring_source *hosts[HOSTS];
	static unsigned counts[HOSTS];
	uint64_t random = expected;
	struct uring_sources *s;

	assert_int_equal(uring_sources_new(&s, expected), 0);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = next_random(&random) % HOSTS;
		union uring_address a = numbered(i);

		if (counts[i] && next_random(&random) % 2) {
			uring_sources_leave(hosts[i]);
			counts[i]--;
			continue;
		}
		if (!counts[i])
			hosts[i] = uring_sources_enter(s, &a);
		else
			assert_ptr_equal(uring_sources_enter(s, &a), hosts[i]);
		assert_non_null(hosts[i]);
		assert_int_equal(hosts[i]->users, ++counts[i]);
		assert_int_equal(hosts[i]->host, uring_address_host(&a));
	}
	for (unsigned i = 0; i < HOSTS; i++)
		while (counts[i]) {
			assert_int_equal(hosts[i]->users, counts[i]--);
			uring_sources_leave(hosts[i]);
		}
	uring_sources_free(s);
}

static void test_many(void **state)
{
	(void)state;
	check_many(1);
	check_many(1024);
	check_many(1u << 31);
	uring_sources_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
