/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patient operations give way to all others, in a loop without any timer that would end a turn. */
#include "clock.h"
#include "support.h"

#include "uring/loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	FEW = 10,
	CROWD = 200,  /* more than a turn runs */
	TURNS = 1000, /* far more than any of these tests needs */
	PATIENCE = 40 /* seconds until a turn that waits for nothing ends the test */
};

static struct uring_loop *loop;
static int readable[2]; /* the first of this pair always has a byte to read */

struct noted {
	struct uring_op op;
	int place; /* in the order of completion, from 1 */
	int res;
	int again; /* is started again each time; negative: so many times */
	int takes; /* milliseconds */
	int runs;
};

static int places;

static int open_loop(void **state)
{
	const char *why;

	(void)state;
	places = 0;
	alarm(PATIENCE);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, readable), 0);
	assert_int_equal(send(readable[1], "x", 1, 0), 1);
	assert_int_equal(uring_loop_new(&loop, &why), 0);
	return 0;
}

static int close_loop(void **state)
{
	(void)state;
	uring_loop_free(loop);
	close(readable[0]);
	close(readable[1]);
	alarm(0);
	return 0;
}

static void note(struct uring_op *op, int res)
{
	struct noted *n = (struct noted *)op;

	n->place = ++places;
	n->res = res;
	n->runs++;
	if (n->takes)
		clock_pass(n->takes);
	if (n->again && (n->again > 0 || n->again++))
		assert_int_equal(uring_poll(loop, op, readable[0], POLLIN), 0);
}

/* Completes at once. */
static void start(struct noted *n, int patient)
{
	*n = (struct noted){.op.done = note, .op.patient = patient};
	assert_int_equal(uring_poll(loop, &n->op, readable[0], POLLIN), 0);
}

static void turn(void)
{
	assert_int_equal(uring_turn(loop), 0);
}

static unsigned count_done(const struct noted *n, unsigned count)
{
	unsigned done = 0;

	for (unsigned i = 0; i < count; i++)
		done += n[i].place > 0;
	return done;
}

static void turn_until_done(const struct noted *n, unsigned count)
{
	for (unsigned turns = 0; count_done(n, count) < count; turns++) {
		assert_true(turns < TURNS);
		turn();
	}
}

static void test_urgent_first(void **state)
{
	struct noted patient[FEW], urgent[FEW];

	(void)state;
	for (unsigned i = 0; i < FEW; i++)
		start(&patient[i], 1);
	for (unsigned i = 0; i < FEW; i++)
		start(&urgent[i], 0);
	turn_until_done(patient, FEW);
	for (unsigned i = 0; i < FEW; i++) {
		assert_int_equal(urgent[i].place, i + 1);
		assert_int_equal(patient[i].place, FEW + i + 1); /* among themselves as they came */
		assert_int_equal(patient[i].res, POLLIN);
	}
}

/* What completes meanwhile does not wait for all the patient ones, and no turn waits while some are left. */
static void test_few_in_a_turn(void **state)
{
	struct noted patient[FEW], urgent;
	unsigned done;

	(void)state;
	for (unsigned i = 0; i < FEW; i++)
		start(&patient[i], 1);
	turn();
	done = count_done(patient, FEW);
	assert_in_range(done, 1, FEW / 2);
	start(&urgent, 0);
	turn();
	assert_int_equal(urgent.place, done + 1);
	assert_true(count_done(patient, FEW) < FEW);
	for (unsigned turns = 0; count_done(patient, FEW) < FEW; turns++) {
		assert_true(turns < FEW);
		turn();
	}
}

/* Urgent ones that never end do not keep a patient one waiting for ever. */
static void test_not_starved(void **state)
{
	static struct noted urgent[CROWD];
	struct noted patient;

	(void)state;
	for (unsigned i = 0; i < CROWD; i++) {
		start(&urgent[i], 0);
		urgent[i].again = 1;
	}
	start(&patient, 1);
	turn_until_done(&patient, 1);
}

/* Nor do such that take long each. */
static void test_not_starved_by_slow_ones(void **state)
{
	struct noted urgent[FEW], patient;

	(void)state;
	clock_stop();
	for (unsigned i = 0; i < FEW; i++) {
		start(&urgent[i], 0);
		urgent[i].takes = 4;
	}
	start(&patient, 1);
	turn_until_done(&patient, 1);
	clock_go();
	assert_in_range(patient.place, 1, FEW / 2);
	turn_until_done(urgent, FEW);
}

/* Nor does an urgent one wait for a patient one each time, as when connections are accepted one after the
 * other. */
static void test_one_after_the_other(void **state)
{
	struct noted chain, patient[FEW];

	(void)state;
	clock_stop();
	for (unsigned i = 0; i < FEW; i++)
		start(&patient[i], 1);
	start(&chain, 0);
	chain.again = -FEW;
	turn();
	clock_go();
	assert_int_equal(chain.again, 0);
	assert_in_range(patient[0].place, FEW + 1, FEW + 2);
	turn_until_done(patient, FEW);
}

/* The many of one owner wait for the few of others, who come later. */
static void test_owners_take_turns(void **state)
{
	static struct noted crowd[CROWD];
	struct noted other[2], alone;
	uint64_t owners[2] = {0};

	(void)state;
	for (unsigned i = 0; i < CROWD; i++) {
		start(&crowd[i], 1);
		crowd[i].op.owner = &owners[0];
	}
	turn();
	for (unsigned i = 0; i < 2; i++) {
		start(&other[i], 1);
		other[i].op.owner = &owners[1];
	}
	start(&alone, 1);
	turn_until_done(crowd, CROWD);
	assert_in_range(alone.place, 1, FEW);
	assert_in_range(other[0].place, 1, FEW);
	assert_in_range(other[1].place, other[0].place + 1, other[0].place + 2 + FEW);
	for (unsigned i = 1; i < CROWD; i++)
		assert_true(crowd[i].place > crowd[i - 1].place);
}

/* What moves much has its part beside patient ones of many owners, and they have theirs. */
static void test_bulk(void **state)
{
	static struct noted crowd[CROWD];
	static uint64_t owners[CROWD + 1];
	struct noted bulk;

	(void)state;
	memset(owners, 0, sizeof(owners));
	for (unsigned i = 0; i < CROWD; i++) {
		start(&crowd[i], URING_PATIENT);
		crowd[i].op.owner = &owners[i];
	}
	start(&bulk, URING_BULK);
	bulk.op.owner = &owners[CROWD];
	bulk.again = 1;
	turn_until_done(crowd, CROWD);
	assert_true(bulk.runs >= CROWD / 8); /* once in each turn at least */
}

/* One that does not wait for its turn any more gives it back: the next of its owner has it. */
static void test_hurry(void **state)
{
	struct noted crowd[FEW], other[FEW], late;
	uint64_t owners[2] = {0};

	(void)state;
	for (unsigned i = 0; i < FEW; i++) {
		start(&crowd[i], 1);
		start(&other[i], 1);
		crowd[i].op.owner = &owners[0];
		other[i].op.owner = &owners[1];
	}
	turn();
	for (unsigned i = 0; i < FEW; i++)
		if (crowd[i].op.due)
			uring_hurry(loop, &crowd[i].op);
	start(&late, 1);
	late.op.owner = &owners[0];
	turn_until_done(other, FEW);
	assert_in_range(late.place, 1, 2 * FEW - 2); /* not behind all of the other's */
}

static void test_started_again_when_done(void **state)
{
	struct noted patient;

	(void)state;
	start(&patient, 1);
	patient.again = 1;
	for (unsigned turns = 0; places < FEW; turns++) {
		assert_true(turns < TURNS);
		turn();
	}
}

/* One that waits in the kernel is cancelled; one that has completed keeps its result. */
static void test_cancel(void **state)
{
	struct noted waiting = {.op.done = note, .op.patient = 1}, patient[FEW];

	(void)state;
	assert_int_equal(uring_poll(loop, &waiting.op, readable[1], POLLIN), 0);
	assert_int_equal(uring_cancel(loop, &waiting.op), 0);
	while (!waiting.place)
		turn();
	assert_int_equal(waiting.res, -ECANCELED);
	for (unsigned i = 0; i < FEW; i++)
		start(&patient[i], 1);
	turn();
	assert_int_equal(patient[FEW - 1].place, 0);
	assert_int_equal(uring_cancel(loop, &patient[FEW - 1].op), 0);
	while (!patient[FEW - 1].place)
		turn();
	assert_int_equal(patient[FEW - 1].res, POLLIN);
	assert_int_equal(places, FEW + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_urgent_first, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(test_few_in_a_turn, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(test_not_starved, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(test_not_starved_by_slow_ones, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(test_one_after_the_other, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(test_owners_take_turns, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(test_bulk, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(test_hurry, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(test_started_again_when_done, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(test_cancel, open_loop, close_loop),
	};

	return cmocka_run_group_tests_name("loop_patient", tests, NULL, NULL);
}
