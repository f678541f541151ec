/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor: one of the core's processes for each engine. It holds what must outlive an engine (contexts
 * with their keys, listening sockets), starts the engine, replaces it when it dies, and does what needs SER's
 * shared memory: it hands finished connections over to the core. It never talks to a peer.
 */
#ifndef SER_SUPERVISOR_SUPERVISOR_H
#define SER_SUPERVISOR_SUPERVISOR_H

#include "ktls/kernel.h"
#include "ser/shared/params.h"

enum {
	SUPERVISOR_START_SECONDS = 20,
};

/*
 * Forks supervisor number index from the host's main process and waits until its engine is ready to accept,
 * at most SUPERVISOR_START_SECONDS. config is finished. Returns 0 in the main process, or -1 with a log line.
 * The child does not return.
 */
int supervisor_start(unsigned index, const struct params *params, const struct ktls_kernel_caps *caps,
	struct cfg_config *config);

#endif
