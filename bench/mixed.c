/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Established traffic, first alone, then during a storm. */
#include "modes.h"
#include "storm.h"
#include "traffic.h"

#include <err.h>
#include <pthread.h>
#include <stdlib.h>

/* The storm has a thread of its own, so that its handshakes do not delay the traffic inside the generator. */
struct storming {
	const struct options *options;
	uint64_t end;
	struct tally tally;
};

static void *storm_in(void *argument)
{
	struct storming *s = argument;
	struct loop l;
	struct storm m;

	loop_init(&l);
	storm_init(&m, s->options, &l, &s->tally);
	tally_start(&s->tally, "handshakes");
	loop_watch(&l, 0, &s->tally);
	storm_begin(&m);
	loop_run(&l, s->end);
	tally_stop(&s->tally);
	storm_free(&m);
	loop_free(&l);
	return NULL;
}

static void exchange(struct traffic *tr, struct tally *t, uint64_t phase)
{
	tally_start(t, "messages");
	loop_watch(tr->loop, 0, t);
	traffic_phase(tr, t);
	loop_run(tr->loop, t->started + phase);
	tally_stop(t);
}

static void exchange_in_storm(struct traffic *tr, struct tally *t, struct storming *s, uint64_t phase)
{
	pthread_t thread;

	s->end = now_ns() + phase;
	if (pthread_create(&thread, NULL, storm_in, s) != 0)
		errx(EXIT_FAILURE, "no thread for the storm");
	exchange(tr, t, phase);
	pthread_join(thread, NULL);
}

bool mixed_run(const struct options *o)
{
	static struct tally quiet, stormy;
	static struct storming storming;
	static struct traffic tr;
	struct loop l;
	uint64_t phase = (uint64_t)o->seconds * NS_PER_SEC;

	loop_init(&l);
	tally_start(&quiet, "messages");
	traffic_open(&tr, o, &l, &quiet);
	exchange(&tr, &quiet, phase);
	storming.options = o;
	exchange_in_storm(&tr, &stormy, &storming, phase);
	uint64_t answered = stormy.done;
	traffic_finish(&tr);

	report_open(o, &quiet);
	report_tally("quiet", &quiet);
	report_tally("disturbed", &stormy);
	report_tally("storm", &storming.tally);
	report_number("answered_meanwhile", answered);
	report_number("unanswered", traffic_unanswered(&tr));
	if (o->rate)
		report_latency("sent_late_us", &tr.late);
	traffic_free(&tr);
	loop_free(&l);
	return report_close() && quiet.done && storming.tally.done;
}
