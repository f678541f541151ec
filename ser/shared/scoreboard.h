/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What engines, supervisors and SER's processes tell each other: memory of our own that all of them share.
 *
 * Everything in it is a number that is read and written atomically. No locks: an engine may be killed at any
 * moment, and must not take with it what the others need. For the same reason engines keep out of SER's
 * shared memory, whose allocator has one.
 */
#ifndef SER_SHARED_SCOREBOARD_H
#define SER_SHARED_SCOREBOARD_H

#include "uring/server.h"

#include <stdint.h>
#include <sys/types.h>

enum {
	SCOREBOARD_ENGINES_MAX = 16,
	SCOREBOARD_SOURCE_SLOTS = 1 << 16,
};

/*
 * Ids of connections, which the core's counter does not reach, with a part for each engine that makes some
 * and one for those that SER opens.
 */
enum {
	SCOREBOARD_FIRST_ID = 0x40000000,
	SCOREBOARD_IDS_EACH = (0x7fffffff - SCOREBOARD_FIRST_ID) / (SCOREBOARD_ENGINES_MAX + 1),
};

struct scoreboard_engine {
	pid_t pid;            /* 0 while it is dead */
	uint32_t starts;      /* 1 for the first */
	uint32_t handed;      /* connections that it gave to its supervisor */
	uint32_t taken;       /* of these: those that the supervisor has received */
	uint32_t handshakes;  /* under way */
	uint32_t relayed;     /* connections */
	uint32_t established; /* handshakes that it finished since SER started */
};

/* What may change while all run (ser/manage/settings.h). */
struct scoreboard_settings {
	int tls_log, connection_timeout, low_mem_threshold1;
	int max_connections, max_tls_connections; /* the core's, which hold for TCP */
};

/* Where a source is counted: two counters, of which the smaller is believed. */
struct scoreboard_source {
	uint32_t slot[2];
};

extern struct scoreboard_engine *scoreboard_engines; /* SCOREBOARD_ENGINES_MAX of them */
extern uint32_t *scoreboard_keys_gone;               /* for ktls_cipher_share() */

/* Makes the board; call it before the first fork. Returns 0 or -ENOMEM. */
int scoreboard_init(void);

void scoreboard_set_settings(const struct scoreboard_settings *now);
struct scoreboard_settings scoreboard_get_settings(void);

/*
 * Connections of all engines from when an engine hands them over until they are closed or lost: what the core
 * knows of, and what it does not know yet. Whoever hands over counts one more, whoever loses or closes one
 * less.
 */
unsigned scoreboard_connections(void);
void scoreboard_count_connections(int change);

/*
 * Connections by source, which is a host (uring/address.h). The table has a fixed size and is addressed by a
 * keyed hash: a host may be taken to have more connections than it has, when it shares both counters with
 * busy ones, never fewer.
 */
struct scoreboard_source scoreboard_source_of(const union uring_address *remote);
unsigned scoreboard_source_connections(const struct scoreboard_source *source);
void scoreboard_source_enter(const struct scoreboard_source *source);
void scoreboard_source_leave(const struct scoreboard_source *source);

/*
 * Numbers for connections that SER's own processes open: a serial number that no other has had, and an id for
 * the core (its own counter has no lock, so that two processes may get the same number).
 */
uint32_t scoreboard_next_serial(void);
int scoreboard_next_id(void);

/* The process of tcp_main; 0 until it is told. */
pid_t scoreboard_tcp_main(void);
void scoreboard_set_tcp_main(pid_t pid);

#endif
