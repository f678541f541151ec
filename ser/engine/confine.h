/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Confines an engine process for good: whoever takes it over holds the engine's own sockets and keys, and
 * reaches nothing else.
 *
 * What every kernel offers is done first, right after the fork: descriptors, signal
 * handlers, memory. The rest is done when all files are read and before the first stranger's byte.
 */
#ifndef SER_ENGINE_CONFINE_H
#define SER_ENGINE_CONFINE_H

#include "cfg/error.h"
#include "ser/engine/parts.h"
#include "uring/loop.h"

/* Values of the parameter engine_confinement. */
enum {
	CONFINE_OFF, /* for a debugger or a profiler; descriptors and signals are still the engine's own */
	CONFINE_AVAILABLE, /* whatever this kernel offers */
	CONFINE_REQUIRED,  /* all, or the engine does not start */
};

enum {
	CONFINE_WHY = 160,
};

struct confine {
	int level;             /* one of CONFINE_ */
	uint32_t holds;        /* bits of enum confinement */
	char why[CONFINE_WHY]; /* a phrase about the first that does not hold */
};

/*
 * Right after the fork. Closes all descriptors but the parts' and report (-1: none), and drops all memory
 * that is shared with others but the scoreboard and the keys of session tickets. Returns 0, or -1 with a
 * sentence.
 */
int confine_start(struct confine *c, const struct engine_parts *parts, int report, struct cfg_error *error);

/* Makes the engine's loop; the same return values. */
int confine_loop(struct confine *c, struct uring_loop **loop, struct cfg_error *error);

/* When everything is set up. From here on a system call that an engine does not need ends it. */
int confine_finish(struct confine *c, const struct engine_parts *parts, struct cfg_error *error);

#endif
