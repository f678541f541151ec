/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counting by host: which addresses are one host, and many hosts at once. */
#include "support.h"

#include "uring/sources.h"

#include <arpa/inet.h>
#include <string.h>

static union uring_address address(const char *text)
{
	union uring_address a;

	memset(&a, 0, sizeof(a));
	a.in.sin_port = htons((uint16_t)strlen(text)); /* has no say */
	if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1) {
		a.any.sa_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &a.in6.sin6_addr), 1);
		a.any.sa_family = AF_INET6;
	}
	return a;
}

static void test_hosts(void **state)
{
	static const struct {
		const char *one, *other;
		int same;
	} pairs[] = {
		{"192.0.2.1", "192.0.2.1", 1},
		{"192.0.2.1", "192.0.2.2", 0},
		{"192.0.2.1", "193.0.2.1", 0},
		{"192.0.2.1", "::ffff:192.0.2.1", 1},
		{"::ffff:192.0.2.2", "::ffff:192.0.2.1", 0},
		{"0.0.0.1", "::1", 0},
		{"2001:db8::1", "2001:db8::2", 1},
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", 1},
		{"2001:db8:0:1::1", "2001:db8:0:2::1", 0},
		{"2001:db8::1", "2001:db9::1", 0},
		{"::192.0.2.1", "::1", 1},
		{"64:ff9b::192.0.2.1", "192.0.2.1", 0},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(pairs); i++) {
		union uring_address one = address(pairs[i].one), other = address(pairs[i].other);
		struct uring_sources *s;

		assert_int_equal(uring_sources_new(&s, 4), 0);
		assert_int_equal(uring_sources_add(s, &one), 0);
		assert_int_equal(uring_sources_get(s, &one), 1);
		if ((int)uring_sources_get(s, &other) != pairs[i].same)
			fail_msg("%s, %s", pairs[i].one, pairs[i].other);
		uring_sources_free(s);
	}
	uring_sources_free(NULL);
}

static union uring_address numbered(unsigned i)
{
	union uring_address a = address(i % 2 ? "10.0.0.0" : "2001:db8::");

	if (i % 2)
		a.in.sin_addr.s_addr = htonl(0x0a000000 + i);
	else
		memcpy(&a.in6.sin6_addr.s6_addr[4], &i, sizeof(i));
	return a;
}

/* More than were expected, each with a count of its own, in any order. */
static void check_many(unsigned expected)
{
	enum {
		HOSTS = 3000,
		STEPS = 200000
	};
	static unsigned counts[HOSTS];
	uint64_t random = expected;
	struct uring_sources *s;

	memset(counts, 0, sizeof(counts));
	assert_int_equal(uring_sources_new(&s, expected), 0);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = next_random(&random) % HOSTS;
		union uring_address a = numbered(i);

		if (counts[i] && next_random(&random) % 2) {
			uring_sources_remove(s, &a);
			counts[i]--;
		} else {
			assert_int_equal(uring_sources_add(s, &a), 0);
			counts[i]++;
		}
		assert_int_equal(uring_sources_get(s, &a), counts[i]);
	}
	for (unsigned i = 0; i < HOSTS; i++) {
		union uring_address a = numbered(i);

		assert_int_equal(uring_sources_get(s, &a), counts[i]);
		while (counts[i]--)
			uring_sources_remove(s, &a);
		assert_int_equal(uring_sources_get(s, &a), 0);
	}
	uring_sources_free(s);
}

static void test_many(void **state)
{
	(void)state;
	check_many(1);
	check_many(1024);
	check_many(1u << 31);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
