/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scoreboard: numbers that engines, supervisors and SER's processes share, in memory of our own.
 *
 * Every number is read and written atomically. There are no locks, because an engine may be killed at any
 * moment and must not block the others by that. An engine can read all of it and write only its own page
 * (scoreboard_confine()); nothing that others rely on comes from there.
 */
#ifndef SER_SHARED_SCOREBOARD_H
#define SER_SHARED_SCOREBOARD_H

#include "ser/shared/counter_names.h"
#include "uring/address.h"

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

enum {
	SCOREBOARD_ENGINES_MAX = 16,   /* supervisors, each with one accepting engine */
	SCOREBOARD_PROCESSES_MAX = 16, /* engine processes of one supervisor at once, including older ones */
	SCOREBOARD_SOURCE_SLOTS = 1 << 16,
};

/*
 * Ids of connections. The core's counter does not reach them. Each engine has a range of its own, and so have
 * connections that SER opens.
 */
enum {
	SCOREBOARD_FIRST_ID = 0x40000000,
	SCOREBOARD_IDS_EACH = (0x7fffffff - SCOREBOARD_FIRST_ID) / (SCOREBOARD_ENGINES_MAX + 1),
};

/* What an engine process reports about itself. */
struct engine_page {
	uint32_t beat;        /* grows as long as its loop runs */
	uint32_t handshakes;  /* under way */
	uint32_t ready;       /* connections that wait for their client's first byte */
	uint32_t relayed;     /* connections */
	uint32_t established; /* handshakes finished */
	uint32_t handed;      /* connections that it has sent to its supervisor */
	uint32_t confined;    /* bits of enum confinement that hold; said before it meets a stranger */
	uint64_t counters[COUNTER_SLOTS];
};

/* What a supervisor reports about itself and its engines; silent is what others noticed. */
struct scoreboard_engine {
	pid_t pid;                                /* of the accepting engine; 0 while it is dead */
	uint32_t page;                            /* the number of its page */
	uint32_t starts;                          /* 1 for the first */
	uint32_t beat;                            /* grows as long as the supervisor's loop runs */
	uint32_t loading;                         /* 1: the supervisor reads a configuration */
	pid_t supervisor;                         /* its process id */
	uint32_t silent;                          /* seconds without a beat (supervisor_watch.h) */
	uint32_t established;                     /* handshakes finished by processes that are gone */
	uint32_t taken[SCOREBOARD_PROCESSES_MAX]; /* connections received from each process */
};

/* Settings that may change at run time (ser/manage/settings.h). */
struct scoreboard_settings {
	int tls_log, connection_timeout, low_mem_threshold1;
	int max_connections, max_tls_connections; /* the core's limits, which also apply to TCP */
	uint32_t conn_wq_max, wq_max; /* the core's: bytes that may wait for one connection, for all */
	int log_level;                /* lines above it are not written */
	int keep_chain;               /* 1: some script asks for verified chains, so snapshots keep them */
};

/* How full SER is, as a supervisor last saw it. */
struct scoreboard_load {
	uint32_t plain;       /* TCP connections without TLS */
	uint32_t tls;         /* TLS connections in tcp_main */
	uint32_t free_memory; /* KB of shared memory */
};

/* The two counters of a source; the smaller one counts. */
struct scoreboard_source {
	uint32_t slot[2];
};

extern struct scoreboard_engine *scoreboard_engines; /* SCOREBOARD_ENGINES_MAX of them */
extern uint32_t *scoreboard_keys_gone;               /* for ktls_cipher_share() */

/* Allocates the scoreboard; call it before the first fork. Returns 0 or a negative errno. */
int scoreboard_init(void);

/*
 * For an engine process: from now on it can write only its own page, whatever it tries (memfd_create(2),
 * F_SEAL_FUTURE_WRITE). Returns 0 or a negative errno.
 */
int scoreboard_confine(unsigned engine, unsigned process);

/* Its memory in this process, for whoever unmaps all other shared memory. */
struct iovec scoreboard_memory(void);

/* The page of an engine process. */
struct engine_page *scoreboard_page(unsigned engine, unsigned process);

/* For a supervisor whose engine process is gone: adds up what it counted and clears its page. */
void scoreboard_clear_page(unsigned engine, unsigned process);

/* Sums over an engine's processes, for tls.engines and the like. */
uint32_t scoreboard_established(unsigned engine);
uint32_t scoreboard_handshakes(unsigned engine);
uint32_t scoreboard_ready(unsigned engine);
uint32_t scoreboard_relayed(unsigned engine);

/* What holds of the confinement of the engine process that accepts: bits of enum confinement. */
uint32_t scoreboard_confined(unsigned engine);

/* Connections that an engine process handed over and its supervisor has not received yet. */
uint32_t scoreboard_on_the_way(unsigned engine, unsigned process);

void scoreboard_set_settings(const struct scoreboard_settings *now);
struct scoreboard_settings scoreboard_get_settings(void);

void scoreboard_set_load(const struct scoreboard_load *now);
struct scoreboard_load scoreboard_get_load(void);

/*
 * Number of TLS connections, from when SER has a record of them until they are closed, whether tcp_main knows
 * them yet or not. Only SER's processes and supervisors change it.
 */
unsigned scoreboard_connections(void);
void scoreboard_count_connections(int change);

/* How many connections that SER opened were closed since the start, modulo 2^32. */
uint32_t scoreboard_outbound_closed(void);
void scoreboard_count_outbound_closed(void);

/*
 * Connections by the host they come from (uring/address.h). The table has a fixed size and is addressed by a
 * keyed hash. A host may seem to have more connections than it has if it shares both counters with busy ones,
 * but never fewer.
 */
struct scoreboard_source scoreboard_source_of(const union uring_address *remote);
unsigned scoreboard_source_connections(const struct scoreboard_source *source);
void scoreboard_source_enter(const struct scoreboard_source *source);
void scoreboard_source_leave(const struct scoreboard_source *source);

/*
 * Numbers for connections that SER's own processes open: a serial number that was never used before, and an
 * id for the core (whose own counter has no lock, so two processes might get the same number).
 */
uint32_t scoreboard_next_serial(void);
int scoreboard_next_id(void);

/* The process id of tcp_main; 0 until it is set. */
pid_t scoreboard_tcp_main(void);
void scoreboard_set_tcp_main(pid_t pid);

/* For ser/shared/counters.c: counters of SER's own processes, and of engine processes that are gone. */
uint64_t *scoreboard_counters(void);
uint64_t scoreboard_sum(unsigned slot);
/* Sets how much of a sum the core already knows. Returns what it knew before. */
uint64_t scoreboard_exchange_known(unsigned slot, uint64_t sum);

#endif
