/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The storm: every client connects, does a handshake, drops the connection and starts again. */
#ifndef BENCH_STORM_H
#define BENCH_STORM_H

#include "loop.h"
#include "stream.h"

struct storm_client;

struct storm {
	const struct options *options;
	struct loop *loop;
	struct loop_part part;
	struct tally *tally;
	struct storm_client *clients;
	SSL_CTX *ctx; /* NULL: connections without TLS */
	bool resume;
};

/* Adds the storm to the loop; it does not run yet. */
void storm_init(struct storm *m, const struct options *o, struct loop *l, struct tally *t);
void storm_begin(struct storm *m);
void storm_free(struct storm *m);

#endif
