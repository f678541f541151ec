/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TLS engine: a process that shakes hands and relays. It runs no script, takes no lock of SER's and
 * allocates nothing in SER's shared memory, so that its death costs no one but its own peers.
 */
#ifndef SER_ENGINE_H
#define SER_ENGINE_H

#include "cfg/set.h"
#include "ktls/kernel.h"
#include "ser/board.h"
#include "ser/params.h"

/*
 * One byte from the supervisor to its engine, or back. The kernel wakes one process for a connection that
 * comes; when that one has just stopped accepting, nobody takes the connection until somebody looks.
 */
enum engine_message {
	ENGINE_RETIRE = 'r',  /* accept nothing more, end with the last connection */
	ENGINE_LOOK = 'l',    /* look for connections that wait */
	ENGINE_STOPPED = 's', /* from the engine: it accepts nothing any more */
};

/* What an engine is made of: its supervisor's. */
struct engine_parts {
	const struct params *params;
	const struct ktls_kernel_caps *caps;
	struct cfg_set *set;
	struct board_engine *board;
	int channel; /* SOCK_SEQPACKET: takes messages as in handover.h */
};

enum {
	ENGINE_CANNOT_START = 2, /* exit code */
};

/*
 * The life of a freshly forked engine. Writes a struct cfg_error to report when it accepts connections (an
 * empty text) or cannot start, and closes it; -1: there is nobody to tell, it logs. Does not return.
 */
void engine_run(const struct engine_parts *parts, int report) __attribute__((noreturn));

#endif
