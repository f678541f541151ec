/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared only by the supervisor's own files. */
#ifndef SER_SUPERVISOR_PRIVATE_H
#define SER_SUPERVISOR_PRIVATE_H

#include "cfg/set.h"
#include "ser/engine/engine.h"
#include "ser/supervisor/supervisor.h"
#include "uring/loop.h"

#include <sys/queue.h>

enum {
	TICKS_A_SECOND = 10, /* tick.c */
};

/* An engine process. */
struct engine_process {
	struct uring_op readable; /* the first member */
	TAILQ_ENTRY(engine_process) link;
	struct cfg_set *set; /* the contexts that it works with; a reference */
	pid_t pid;           /* 0: dead */
	int channel;         /* our end; -1: the engine's end is closed and everything is read */
	unsigned page;       /* its number on the scoreboard */
	int retired;         /* it was told to stop accepting, and ends with its last connection */
	int stopped;         /* it has said so */
	int ending;          /* it was told to end at once */
	int on_trial;        /* it accepts nothing yet */
	int status;          /* as from waitpid(), when it is dead */
	int64_t started;     /* ktls_clock_ms() */
	uint32_t beat;       /* the last one seen (engine_watch.c) */
	int ran;             /* its loop has turned */
	unsigned silent;     /* ticks since then */
	unsigned stopping;   /* ticks in which it turned, but had not stopped accepting as it was told to */
	unsigned told;       /* all ticks since then */
};

struct supervisor {
	unsigned index;
	struct engine_parts parts;
	struct uring_loop *loop;
	int wake_fd;                                          /* wakes the loop after a signal */
	TAILQ_HEAD(engine_processes, engine_process) engines; /* oldest first */
	struct engine_process *active; /* the one that accepts; NULL while there is none */
	unsigned deaths;               /* deaths of active engines in a row */
	unsigned looks;                /* ticks at which the active one is still told to look, after an end */
	struct uring_op restart;
	struct __kernel_timespec delay;
	int restarting;               /* restart is under way */
	void (*engine_stopped)(void); /* called when a retired engine accepts no more, or any has died */
};

extern struct supervisor supervisor; /* state.c; each process has one */

/* engines.c */

/*
 * Forks an engine that uses parts.set and writes to report (see engine_run()) when it is ready. Returns it,
 * or NULL with a log line and a phrase in *why. It is on trial: it accepts nothing, and stays, even dead,
 * until one of the next two is called for it.
 */
struct engine_process *engine_process_start(int report, const char **why);

/* With each tick: has the active one look for connections, for some seconds after an engine has ended. */
void engine_processes_tick(void);

/* A phrase for an errno of a system call that is needed for a start. */
const char *engine_process_why_not(int error);

/*
 * Makes an engine the active one; the previous one retires. This cannot fail: if it has died, it is replaced
 * as one that dies later.
 */
void engine_process_activate(struct engine_process *c);

/* Kills an engine that will not become the active one. */
void engine_process_reject(struct engine_process *c);

/* A child process has ended. */
void engine_process_ended(pid_t pid, int status);

/* Ends all engines, which may take a moment. */
void engine_processes_end(void);

#endif
