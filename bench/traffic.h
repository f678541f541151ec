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
	struct tally *tally; /* of the phase that runs: every answer counts where it arrives */
	struct client *clients;
	uint32_t *due; /* messages whose time has come and that are not sent, for each client */
	SSL_CTX *ctx;
	struct pace pace;      /* rate 0: the closed loop */
	uint64_t scheduled;    /* messages whose time has come, over all phases */
	struct histogram late; /* microseconds from the intended to the actual sending */
	bool sending;
};

/* Opens all connections and waits for them. Faults of this time count in first. */
void traffic_open(struct traffic *tr, const struct options *o, struct loop *l, struct tally *first);
/* Begins a phase: answers count in t from now on, and messages are sent. */
void traffic_phase(struct traffic *tr, struct tally *t);
/* Stops sending and waits for what is outstanding. */
void traffic_finish(struct traffic *tr);
/* True while a connection is left. */
bool traffic_alive(const struct traffic *tr);
/* Messages that were sent, or meant to be sent, and have no answer. */
uint64_t traffic_unanswered(const struct traffic *tr);
void traffic_free(struct traffic *tr);

#endif
