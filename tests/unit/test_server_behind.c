/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who goes and who stays while the server has not yet looked at what clients have said. */
#include "clock.h"
#include "one_client.h"
#include "serving.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
	PLACES = 8,
	PATIENT = 3600, /* seconds: no handshake of this file may end by its time */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newcomer),
	};

	return cmocka_run_group_tests_name("server_behind", tests, one_client_prepare, one_client_clean_up);
}
