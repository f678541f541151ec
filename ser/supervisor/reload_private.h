/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the asking side of a reload (reload.c) and the supervisors' side (reload_steps.c) say to each other.
 */
#ifndef SER_SUPERVISOR_RELOAD_PRIVATE_H
#define SER_SUPERVISOR_RELOAD_PRIVATE_H

#include "ser/shared/scoreboard.h"
#include "ser/supervisor/reload.h"

/* The steps of a reload, each for all supervisors in turn. Until all have done the second, none may accept.
 */
enum reload_step {
	RELOAD_BUILD,  /* read everything and build the contexts */
	RELOAD_START,  /* start an engine with them that accepts nothing yet */
	RELOAD_COMMIT, /* look at the decision; has no answer */
	RELOAD_FORGET, /* end that engine and throw away what was built */
};

struct reload_order {
	uint32_t number;       /* repeated in the answer */
	uint32_t reload;       /* number of the reload */
	uint32_t step;         /* enum reload_step */
	char config[PATH_MAX]; /* for RELOAD_BUILD: tls.cfg; empty: none */
};

struct reload_answer {
	uint32_t number;
	int32_t rc; /* 0 or a negative errno */
	/* For RELOAD_BUILD: of the files, before and after they were read (file_states.h). */
	uint64_t states[2];
	char text[RELOAD_TEXT];
};

/* The two ends of the socket pair to each supervisor. */
struct reload_channel {
	int supervisor, others;
};

extern struct reload_channel reload_channels[SCOREBOARD_ENGINES_MAX];

/*
 * Whether that reload is decided. From then on nobody goes back: each supervisor lets its new engine accept,
 * and the one before no more, which cannot fail, and then says that it has finished.
 */
int reload_is_committed(uint32_t reload);
void reload_finished(uint32_t reload);

#endif
