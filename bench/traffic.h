/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Established connections that exchange messages, in a closed loop or at a constant rate. */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include "client.h"
#include "loop.h"
#include "pace.h"

struct traffic {
	const struct options *options;
	struct loop *loop;
	struct loop_part part;
	struct tally *tally; /* of the current phase; an answer counts in the phase in which it arrives */
	struct client *clients;
	uint32_t *due; /* for each client, messages that are due but not sent */
	SSL_CTX *ctx;
	struct pace pace;      /* rate 0: the closed loop */
	uint64_t scheduled;    /* messages that were due, over all phases */
	struct histogram late; /* microseconds from when a message was due to when it was sent */
	bool sending;
};

/* Opens all connections and waits for them. Faults during this time count in first. */
void traffic_open(struct traffic *tr, const struct options *o, struct loop *l, struct tally *first);
/* Begins a phase: answers count in t from now on, and messages are sent. */
void traffic_phase(struct traffic *tr, struct tally *t);
/* Stops sending and waits for what is outstanding. */
void traffic_finish(struct traffic *tr);
/* True while there is a connection left. */
bool traffic_alive(const struct traffic *tr);
/* Messages that were sent, or were due, and have no answer. */
uint64_t traffic_unanswered(const struct traffic *tr);
void traffic_free(struct traffic *tr);

#endif
