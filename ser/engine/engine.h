/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TLS engine: a process that shakes hands and relays. It runs no script, takes no lock of SER's and
 * allocates nothing in SER's shared memory, so that its death costs no one but its own peers.
 */
#ifndef SER_ENGINE_ENGINE_H
#define SER_ENGINE_ENGINE_H

#include "cfg/set.h"
#include "ktls/kernel.h"
#include "ktls/stream.h"
#include "ser/module/params.h"
#include "ser/outbound/choice.h"
#include "ser/shared/scoreboard.h"

/*
 * One byte from the supervisor to its engine, which gets struct engine_order, too; or back. The kernel wakes
 * one process for a connection that comes; when that one has just stopped accepting, nobody takes the
 * connection until somebody looks.
 */
enum engine_message {
	ENGINE_RETIRE = 'r',  /* accept nothing more, end with the last connection */
	ENGINE_LOOK = 'l',    /* look for connections that wait */
	ENGINE_STOPPED = 's', /* from the engine: it accepts nothing any more */
	/* Longer ones begin with these, as uint32_t. */
	ENGINE_ORDER = 'o',
	ENGINE_TICKETS = 't',
};

/* From the supervisor, with a socket: shake hands on it as a client. */
struct engine_order {
	uint32_t kind;            /* ENGINE_ORDER */
	uint32_t id;              /* not 0; for the answer: a struct handover or handover_failure */
	uint32_t connect_timeout; /* seconds */
	union uring_address remote, local;
	struct connect_choice choice;
};

/* The same way: session tickets that came on a connection whose handshake an engine had done. */
struct engine_tickets {
	uint32_t kind; /* ENGINE_TICKETS */
	uint32_t order;
	uint32_t len; /* bytes of messages */
	uint8_t messages[KTLS_TICKETS_MAX];
};

/* What an engine is made of: its supervisor's. */
struct engine_parts {
	const struct params *params;
	const struct ktls_kernel_caps *caps;
	struct cfg_set *set;
	struct scoreboard_engine *board;
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
