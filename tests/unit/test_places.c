/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who gives its place back first: by what it has said, by the crowd it is of, and by time. */
#include "support.h"

#include "uring/places.h"

#include <arpa/inet.h>
#include <string.h>

enum {
	MOST = 1024,
	SHARE = 256,
	CROWD = 30, /* more than a few */
	SOON = 50,  /* milliseconds that anybody may take for the next step, whatever the step */
	LONG = 60000,
};

static struct uring_places *places;
static int64_t now;

static union uring_address address(const char *text)
{
	union uring_address a;

	memset(&a, 0, sizeof(a));
	a.any.sa_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(a.any.sa_family, text,
				 strchr(text, ':') ? (void *)&a.in6.sin6_addr : (void *)&a.in.sin_addr),
		1);
	return a;
}

static void open_places(unsigned share)
{
	assert_int_equal(uring_places_new(&places, MOST, share), 0);
	now = 1000000;
}

static void take(struct uring_place *p, unsigned count, const char *host, enum uring_stage stage)
{
	union uring_address a = address(host);

	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(uring_places_take(places, &p[i], &a, now), 0);
		if (stage != URING_STAGE_SILENT)
			uring_places_move(places, &p[i], stage, now);
	}
}

static void leave(struct uring_place *p, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		uring_places_give_back(places, &p[i]);
}

static void close_places(void)
{
	assert_null(uring_places_first(places, now + LONG));
	uring_places_free(places);
}

/* From the first to the last: those of p, and in their order. */
static void check_go(struct uring_place *p, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		assert_ptr_equal(uring_places_first(places, now), &p[i]);
		uring_places_give_back(places, &p[i]);
	}
}

/* When nobody is in haste: who has said nothing, who has said too little, who does not go on; the oldest
 * first. */
static void test_stages(void **state)
{
	struct uring_place p[URING_STAGES][3];

	(void)state;
	open_places(SHARE);
	assert_null(uring_places_first(places, now));
	for (int stage = URING_STAGES - 1; stage >= 0; stage--) {
		take(p[stage], 3, "192.0.2.1", (enum uring_stage)stage);
		now++;
	}
	assert_null(uring_places_first(places, now));
	now += LONG;
	for (int stage = 0; stage < URING_STAGES; stage++)
		check_go(p[stage], 3);
	close_places();
}

/* One step begins the time anew. */
static void test_steps(void **state)
{
	struct uring_place p[2];

	(void)state;
	open_places(SHARE);
	take(p, 2, "192.0.2.1", URING_STAGE_ANSWERED);
	for (int i = 0; i < 100; i++) {
		now += SOON;
		uring_places_move(places, &p[0], URING_STAGE_ANSWERED, now);
		assert_ptr_not_equal(uring_places_first(places, now), &p[0]);
	}
	assert_ptr_equal(uring_places_first(places, now), &p[1]);
	leave(&p[1], 1);
	assert_null(uring_places_first(places, now));
	leave(p, 1);
	close_places();
}

/* Each of a few has its time; that others of its kind come later gives it no more. */
static void test_few(void **state)
{
	struct uring_place first, later[2];

	(void)state;
	open_places(SHARE);
	take(&first, 1, "192.0.2.1", URING_STAGE_SILENT);
	now += 400;
	take(later, 2, "198.51.100.1", URING_STAGE_SILENT);
	assert_null(uring_places_first(places, now));
	now += 200;
	assert_ptr_equal(uring_places_first(places, now), &first);
	leave(&first, 1);
	leave(later, 2);
	close_places();
}

/* A crowd goes at once, and nobody who is alone goes with it, however the crowd is spread. */
static void check_crowd(enum uring_stage stage, unsigned hosts)
{
	static struct uring_place crowd[50][CROWD];
	struct uring_place alone[3];

	open_places(SHARE);
	take(&alone[0], 1, "192.0.2.1", URING_STAGE_SILENT);
	take(&alone[1], 1, "2001:db8::1", URING_STAGE_HELLO);
	take(&alone[2], 1, "192.0.2.3", URING_STAGE_ANSWERED);
	now += SOON;
	for (unsigned i = 0; i < hosts; i++) {
		char host[32];

		snprintf(host, sizeof(host), i % 2 ? "2001:db8:1:%u::1" : "198.51.100.%u", i);
		take(crowd[i], CROWD / 2, host, URING_STAGE_SILENT);
		take(crowd[i] + CROWD / 2, CROWD / 2, host, stage);
	}
	/* Down to a few of each; which host is next is nobody's business. */
	for (unsigned n = 0; n < hosts * CROWD / 2; n++) {
		struct uring_place *p = uring_places_first(places, now);

		assert_true(p >= crowd[0] && p < crowd[hosts]);
		uring_places_move(places, p, URING_STAGE_ANSWERED, now);
	}
	for (unsigned i = 0; i < hosts; i++)
		leave(crowd[i], CROWD);
	assert_null(uring_places_first(places, now));
	leave(alone, 3);
	close_places();
}

static void test_crowd(void **state)
{
	(void)state;
	check_crowd(URING_STAGE_SILENT, 1);
	check_crowd(URING_STAGE_SILENT, 50);
	check_crowd(URING_STAGE_HELLO, 1);
	check_crowd(URING_STAGE_HELLO, 50);
}

/* Who comes when all have just gone on: one of the largest crowd makes way, but not for a crowd of that size.
 */
static void test_newcomer(void **state)
{
	const union uring_address one = address("192.0.2.1"), other = address("198.51.100.1");
	struct uring_place few[2], small[CROWD / 2], large[CROWD];

	(void)state;
	open_places(SHARE);
	assert_null(uring_places_first_for(places, &one));
	take(few, 2, "192.0.2.2", URING_STAGE_ANSWERED);
	assert_null(uring_places_first_for(places, &one));
	take(small, CROWD / 2, "192.0.2.3", URING_STAGE_ANSWERED);
	take(large, CROWD, "198.51.100.1", URING_STAGE_ANSWERED);
	assert_null(uring_places_first(places, now));
	assert_ptr_equal(uring_places_first_for(places, &one), &large[0]);
	assert_null(uring_places_first_for(places, &other));
	uring_places_give_back(places, &large[0]);
	assert_ptr_equal(uring_places_first_for(places, &one), &large[1]);
	leave(large + 1, CROWD - 1);
	leave(small, CROWD / 2);
	leave(few, 2);
	close_places();
}

/* A few hosts with long silent ones do not cost a crowd of others its time. */
static void test_stale(void **state)
{
	struct uring_place stale[3], crowd[CROWD];

	(void)state;
	open_places(SHARE);
	take(stale, 3, "192.0.2.1", URING_STAGE_SILENT);
	now += LONG;
	take(crowd, CROWD, "198.51.100.1", URING_STAGE_SILENT);
	check_go(stale, 3);
	leave(crowd, CROWD);
	close_places();
}

/* The same of handshakes that do not go on; a crowd of them has less time than a few, but some. */
static void test_slow_crowd(void **state)
{
	struct uring_place stale[3], crowd[CROWD];

	(void)state;
	open_places(SHARE);
	take(stale, 3, "192.0.2.1", URING_STAGE_ANSWERED);
	now += 2500;
	take(crowd, CROWD, "198.51.100.1", URING_STAGE_ANSWERED);
	now += 400;
	assert_null(uring_places_first(places, now));
	now += 1000;
	check_go(stale, 3);
	assert_ptr_equal(uring_places_first(places, now), &crowd[0]);
	leave(crowd, CROWD);
	close_places();
}

/* A share that is smaller than what is a few otherwise. */
static void test_small_share(void **state)
{
	struct uring_place p[3];

	(void)state;
	open_places(2);
	take(p, 3, "192.0.2.1", URING_STAGE_SILENT);
	assert_ptr_equal(uring_places_first(places, now), &p[0]);
	leave(p, 1);
	assert_null(uring_places_first(places, now));
	leave(&p[1], 2);
	close_places();
}

/* Handshakes that go on are left alone, but not more of one host than its share. */
static void check_share(unsigned share, unsigned count, int may_go)
{
	static struct uring_place p[2 * SHARE];
	struct uring_place other;

	open_places(share);
	take(&other, 1, "192.0.2.1", URING_STAGE_ANSWERED);
	take(p, count, "198.51.100.1", URING_STAGE_ANSWERED);
	assert_null(uring_places_first(places, now));
	now += 500;
	if (may_go)
		assert_ptr_equal(uring_places_first(places, now), &p[0]);
	else
		assert_null(uring_places_first(places, now));
	leave(p, count);
	leave(&other, 1);
	close_places();
}

static void test_share(void **state)
{
	(void)state;
	check_share(SHARE, SHARE, 0);
	check_share(SHARE, SHARE + 1, 1);
	check_share(0, 2 * SHARE, 0);
}

/* Whatever happened before, the first is one of the host that has most of them. */
static void test_any_order(void **state)
{
	enum {
		HOSTS = 12,
		PLACES = 600,
		STEPS = 100000
	};
	static struct uring_place p[PLACES];
	static int owner[PLACES];
	unsigned counts[HOSTS] = {0};
	uint64_t random = 1;

	(void)state;
	open_places(SHARE);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = next_random(&random) % PLACES, most = 0;
		/* Host 0 has more than all others together. */
		unsigned host = next_random(&random) % 2 ? 0 : next_random(&random) % HOSTS;

		if (owner[i]) {
			leave(&p[i], 1);
			counts[owner[i] - 1]--;
			owner[i] = 0;
		} else {
			char text[32];

			snprintf(text, sizeof(text), "192.0.2.%u", host);
			take(&p[i], 1, text, URING_STAGE_SILENT);
			counts[host]++;
			owner[i] = (int)host + 1;
		}
		for (unsigned h = 0; h < HOSTS; h++)
			most = counts[h] > most ? counts[h] : most;
		if (most) {
			struct uring_place *first = uring_places_first(places, now + LONG);

			assert_int_equal(counts[owner[first - p] - 1], most);
		}
	}
	for (unsigned i = 0; i < PLACES; i++)
		leave(&p[i], owner[i] != 0);
	close_places();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_newcomer),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_slow_crowd),
		cmocka_unit_test(test_small_share),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_any_order),
	};

	return cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
