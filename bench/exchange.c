/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Closed loop and constant rate: connects all clients, exchanges until the time is over, collects the last
 * answers.
 */
#include "modes.h"
#include "traffic.h"

#include <stdio.h>

/* How long to look for surplus answers after the last one. */
#define LINGER_NS (UINT64_C(200) * NS_PER_MS)

/* So that whoever counts what the exchange costs does not count the handshakes. */
static void hold(struct loop *l)
{
	printf("{\"ready\": true}\n");
	fflush(stdout);
	while (!loop_stopped() && loop_input() != LOOP_INPUT_END)
		loop_turn(l);
}

static void exchange(struct traffic *tr, struct tally *t)
{
	uint64_t end = now_ns() + (uint64_t)tr->options->seconds * NS_PER_SEC;

	tally_start(t, t->unit);
	loop_watch(tr->loop, 0, t);
	traffic_phase(tr, t);
	while (now_ns() < end && !loop_stopped() && traffic_alive(tr))
		loop_turn(tr->loop);
	traffic_finish(tr);
	tally_stop(t);
	loop_unwatch(tr->loop);
	loop_run(tr->loop, now_ns() + LINGER_NS);
}

bool exchange_run(const struct options *o)
{
	static struct tally t;
	static struct traffic tr;
	struct loop l;

	loop_init(&l);
	tally_start(&t, "messages");
	traffic_open(&tr, o, &l, &t);
	if (o->hold)
		hold(&l);
	exchange(&tr, &t);
	uint64_t unanswered = traffic_unanswered(&tr);
	report_open(o, &t);
	report_tally(NULL, &t);
	report_number("unanswered", unanswered);
	if (o->rate) {
		report_number("scheduled", tr.scheduled);
		report_latency("sent_late_us", &tr.late);
	}
	traffic_free(&tr);
	loop_free(&l);
	return report_close() && t.done && !tally_errors(&t) && !unanswered;
}
