/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Established traffic, first alone, then while others storm in. */
#include "modes.h"
#include "storm.h"
#include "traffic.h"

bool mixed_run(const struct options *o)
{
	static struct tally quiet, stormy, handshakes;
	static struct traffic tr;
	struct loop l;
	struct storm m;
	uint64_t phase = (uint64_t)o->seconds * NS_PER_SEC;

	loop_init(&l);
	tally_start(&quiet, "messages");
	traffic_open(&tr, o, &l, &quiet);
	storm_init(&m, o, &l, &handshakes);
	tally_start(&quiet, "messages");
	loop_watch(&l, 0, &quiet);
	traffic_phase(&tr, &quiet);
	loop_run(&l, quiet.started + phase);
	tally_stop(&quiet);

	tally_start(&stormy, "messages");
	tally_start(&handshakes, "handshakes");
	loop_watch(&l, 0, &stormy);
	loop_watch(&l, 1, &handshakes);
	traffic_phase(&tr, &stormy);
	storm_begin(&m);
	loop_run(&l, stormy.started + phase);
	tally_stop(&handshakes);
	tally_stop(&stormy);
	uint64_t answered = stormy.done;
	traffic_finish(&tr);
	storm_free(&m);

	report_open(o, &quiet);
	report_tally("quiet", &quiet);
	report_tally("disturbed", &stormy);
	report_tally("storm", &handshakes);
	report_number("answered_meanwhile", answered);
	report_number("unanswered", traffic_unanswered(&tr));
	if (o->rate)
		report_latency("sent_late_us", &tr.late);
	traffic_free(&tr);
	loop_free(&l);
	return report_close() && quiet.done && handshakes.done;
}
