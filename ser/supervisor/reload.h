/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new configuration while SER runs. All supervisors build it aside; only when each of them could do so,
 * each starts an engine that works with it, and the engine before finishes what it began. Live connections do
 * not notice.
 */
#ifndef SER_SUPERVISOR_RELOAD_H
#define SER_SUPERVISOR_RELOAD_H

#include "cfg/set.h"
#include "ser/shared/params.h"

#include <limits.h>
#include <time.h>

/* Makes the channels to that many supervisors; call it before the first fork. Returns 0 or a negative errno.
 */
int reload_prepare(const struct params *params);

/* For a supervisor: the contexts of a configuration. Returns NULL with the first sentence in *e. */
struct cfg_set *reload_build(struct cfg_config *config, struct cfg_error *e);

/* For a supervisor with a loop: obeys requests from now on. Returns 0 or -EBUSY. */
int reload_serve(void);

enum {
	RELOAD_TEXT = 16384,
};

/*
 * For any process of SER's that may wait some seconds: asks all supervisors to reload, with that tls.cfg
 * (file or folder, absolute; NULL: none). Returns 0, and what became of the domains in text, a line each; or
 * a negative errno and the sentences that say why all is as it was.
 */
int reload_request(const char *config, char text[RELOAD_TEXT]);

/* The last one that went well, the start being number 0. */
struct reload_last {
	uint32_t number;
	struct timespec began; /* CLOCK_REALTIME_COARSE, as files have it: before anything was read */
	char config[PATH_MAX]; /* tls.cfg; empty: none */
};

/* As reload_request(), which it waits for where one is under way. */
struct reload_last reload_last(void);

#endif
