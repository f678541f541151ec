/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who goes and who stays while the server has not yet looked at what clients have said. */
#include "clock.h"
#include "one_client.h"
#include "serving.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	PLACES = 8,
	CROWD = 10,     /* more than the server looks at in a turn, and than are no crowd */
	PATIENT = 3600, /* seconds: no handshake of this file may end by its time */
	LONG = 20000,   /* milliseconds: nobody is left alone for so long */
};

static struct serving s;

/* These have come, and have said only so many bytes. */
static void call_crowd(unsigned count, size_t says)
{
	for (unsigned i = 0; i < count; i++)
		serving_call_from(&s, client, "127.0.0.2")->budget = says;
	while (s.asked < s.calls)
		serving_go_on(&s);
	serving_go_on(&s);
}

/* Each says one more byte, beginning with that one. It has arrived, but nobody has looked at it yet. */
static void speak(unsigned count, unsigned first, char byte)
{
	const struct timespec pause = {.tv_nsec = 100000};
	int left = 0;

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(send(s.callers[(first + i) % count].fd, &byte, 1, 0), 1);
	for (unsigned i = 0; i < count; i++)
		while (!ioctl(s.callers[i].fd, SIOCOUTQ, &left) && left)
			nanosleep(&pause, NULL);
	assert_int_equal(left, 0);
}

static void hang_up_all(void)
{
	clock_go();
	serving_hang_up(&s);
}

/* Returns how many are gone in the turn in which the newcomer comes. */
static unsigned check_newcomer(unsigned first)
{
	static const struct uring_server_config limits = {
		.max_handshakes = PLACES, .refuse_when_full = 1, .handshake_timeout = PATIENT};
	struct sockaddr_in other;
	unsigned gone;
	int fd;

	clock_stop();
	serving_open_with(&s, server, &limits);
	fd = listen_on_loopback(&other);
	assert_int_equal(uring_server_listen(s.server, fd, &s), 0);
	call_crowd(PLACES - 1, 1);
	speak(PLACES - 1, first, 3);
	serving_call_from(&s, client, "127.0.0.2")->budget = 0;
	s.at = other; /* so that both are accepted in one turn */
	serving_call_from(&s, client, "127.0.0.3");
	assert_int_equal(uring_turn(s.turns.loop), 0);
	assert_int_equal(s.refused, 0);
	gone = s.all_evicted;
	serving_expect(&s, 1, 0);
	assert_int_equal(s.refused, 0);
	serving_talk(&s, &s.callers[PLACES]);
	close(fd);
	hang_up_all();
	return gone;
}

/*
 * All of a crowd have just spoken. One of them gives its place to who comes from elsewhere, and does not stay
 * for what it has said, which shows when that is looked at first.
 */
static void test_newcomer(void **state)
{
	unsigned gone = 0;

	(void)state;
	for (unsigned first = 0; first < PLACES - 1; first++)
		gone += check_newcomer(first);
	assert_true(gone > 0);
}

/* Of a crowd those have to go that say nothing, not those that have just spoken. */
static void test_just_spoken(void **state)
{
	(void)state;
	clock_stop();
	serving_open(&s, server, 100, PATIENT);
	call_crowd(2 * CROWD, 0);
	speak(CROWD, 0, 22);
	assert_int_equal(uring_turn(s.turns.loop), 0);
	assert_int_equal(uring_server_make_room(s.server), 1);
	serving_until_evicted(&s, 1);
	assert_int_equal(s.evicted[URING_EVICTED_SILENT], 1);
	assert_int_equal(s.evictions[0], s.callers[CROWD].port);
	hang_up_all();
}

static int has_trouble(struct serving *serving)
{
	return serving->troubles > 0;
}

/* The one whose descriptor a listener waits for speaks in this moment and stays: the listener tries again. */
static void test_descriptor_that_stays(void **state)
{
	struct rlimit before, low;
	int fds[256], count;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = 128;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	clock_stop();
	serving_open(&s, server, 100, PATIENT);
	call_crowd(1, 0);
	clock_pass(LONG);
	count = serving_use_up(&s, fds, COUNT(fds));
	close(fds[--count]);
	serving_call_from(&s, client, "127.0.0.3"); /* takes the last one */
	speak(1, 0, 22);
	serving_until(&s, has_trouble);
	assert_int_equal(s.error, -EMFILE);
	while (count)
		close(fds[--count]);
	serving_expect(&s, 1, 0);
	assert_int_equal(s.all_evicted, 0);
	assert_int_equal(uring_server_handshakes(s.server), 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	hang_up_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newcomer),
		cmocka_unit_test(test_just_spoken),
		cmocka_unit_test(test_descriptor_that_stays),
	};

	return cmocka_run_group_tests_name("server_behind", tests, one_client_prepare, one_client_clean_up);
}
