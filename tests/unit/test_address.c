/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses: their text, which are one host, which are the same, and how they spread over a table. */
#include "addresses.h"

#include <arpa/inet.h>

static void test_text(void **state)
{
	static const struct {
		const char *ip;
		uint16_t port;
		const char *text;
	} cases[] = {
		{"127.0.0.1", 5061, "127.0.0.1:5061"},
		{"::1", 5061, "[::1]:5061"},
		{"::ffff:192.0.2.1", 0, "[::ffff:192.0.2.1]:0"},
		{"2001:db8:1111:2222:3333:4444:5555:6666", 65535,
			"[2001:db8:1111:2222:3333:4444:5555:6666]:65535"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		union uring_address a = make_address(cases[i].ip, cases[i].port);
		char text[URING_ADDRESS_TEXT];

		assert_string_equal(uring_address_text(&a.any, text), cases[i].text);
	}
}

static void test_same(void **state)
{
	static const struct {
		const char *one, *other;
		int same_host, same_address;
	} pairs[] = {
		{"192.0.2.1", "192.0.2.1", 1, 1},
		{"192.0.2.1", "192.0.2.2", 0, 0},
		{"192.0.2.1", "193.0.2.1", 0, 0},
		{"192.0.2.1", "::ffff:192.0.2.1", 1, 1},
		{"::ffff:192.0.2.2", "::ffff:192.0.2.1", 0, 0},
		{"0.0.0.1", "::1", 0, 0},
		{"2001:db8::1", "2001:db8::1", 1, 1},
		{"2001:db8::1", "2001:db8::2", 1, 0},
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", 1, 0},
		{"2001:db8:0:1::1", "2001:db8:0:2::1", 0, 0},
		{"2001:db8::1", "2001:db9::1", 0, 0},
		{"::192.0.2.1", "::1", 1, 0},
		{"64:ff9b::192.0.2.1", "192.0.2.1", 0, 0},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(pairs); i++) {
		union uring_address one = make_address(pairs[i].one, 5061),
				    other = make_address(pairs[i].other, 5061),
				    port = make_address(pairs[i].other, 5062);
		int same_host = uring_address_host(&one) == uring_address_host(&other);

		if (same_host != pairs[i].same_host ||
			uring_address_is_same(&one, &other) != pairs[i].same_address ||
			(uring_address_hash(&one, 1) == uring_address_hash(&other, 1)) !=
				pairs[i].same_address)
			fail_msg("%s, %s", pairs[i].one, pairs[i].other);
		assert_false(uring_address_is_same(&one, &port));
		assert_true(uring_address_host(&other) == uring_address_host(&port));
		assert_true(uring_address_hash(&other, 1) != uring_address_hash(&port, 1));
		assert_true(uring_address_hash(&one, 1) != uring_address_hash(&one, 2));
	}
}

/* Neighbours, in the network or by port, must not meet: neither by the lowest nor by the highest bits. */
static void test_spread(void **state)
{
	enum {
		BITS = 10,
		SLOTS = 1 << BITS,
		MOST = 16, /* one in a slot is the average; with this key it is never more than 8 */
	};
	static unsigned hosts[SLOTS], low[SLOTS], high[SLOTS];

	(void)state;
	for (uint16_t i = 0; i < SLOTS; i++) {
		union uring_address a = make_address("10.0.0.0", 5061), b = make_address("2001:db8::1", i);
		uint64_t key = UINT64_C(0x0123456789abcdef), hash;

		a.in.sin_addr.s_addr = htonl(0x0a000000u + i);
		hash = uring_host_hash(uring_address_host(&a), key);
		assert_true(++hosts[hash % SLOTS] <= MOST);
		hash = uring_address_hash(&b, key);
		assert_true(++low[hash % SLOTS] <= MOST);
		assert_true(++high[hash >> (64 - BITS)] <= MOST);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
