/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads a new configuration while SER runs. All supervisors build it beside the old one, then each starts an
 * engine with it that accepts nothing yet. Only if all of them have one do these accept, and the old engines
 * finish what they began. Live connections do not notice.
 */
#ifndef SER_SUPERVISOR_RELOAD_H
#define SER_SUPERVISOR_RELOAD_H

#include "cfg/set.h"
#include "ser/shared/params.h"

#include <limits.h>
#include <time.h>

/* Makes the channels to the supervisors; call it before the first fork. Returns 0 or a negative errno. */
int reload_prepare(const struct params *params);

/*
 * For a supervisor: builds a configuration's contexts. Returns NULL with the first sentence in *e on error.
 */
struct cfg_set *reload_build(struct cfg_config *config, struct cfg_error *e);

/* For a supervisor with a loop: serves requests from now on. Returns 0 or -EBUSY. */
int reload_serve(void);

/* For a supervisor: takes the last step of a reload, if that was decided meanwhile. */
void reload_look(void);

enum {
	RELOAD_TEXT = 16384,
};

#define RELOAD_WARNING "warning: "

/*
 * For any of SER's processes that may wait some seconds: asks all supervisors to reload, with this tls.cfg
 * (file or folder, absolute; NULL: none). Returns 0 with a line about each domain in text, or a negative
 * errno with sentences that say why everything stays as it was; lines that begin with RELOAD_WARNING come
 * last.
 */
int reload_request(const char *config, char text[RELOAD_TEXT]);

/* The last successful reload; the start is number 0. */
struct reload_last {
	uint32_t number;
	struct timespec began; /* before anything was read, in CLOCK_REALTIME_COARSE like files' times */
	char config[PATH_MAX]; /* tls.cfg; empty: none */
};

/* Gets the last successful reload; waits for a request that is under way. */
struct reload_last reload_last(void);

#endif
