/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TLS engine: the one process that owns OpenSSL's contexts, private keys and handshakes. It runs no
 * script.
 */
#ifndef SER_ENGINE_H
#define SER_ENGINE_H

#include "ktls/kernel.h"
#include "ser/params.h"

/*
 * Forks the engine from the host's main process and waits until it is ready to accept, at most
 * ENGINE_START_SECONDS. Returns 0 in the main process, or -1 with a log line. The child does not return.
 */
int engine_start(const struct params *params, const struct ktls_kernel_caps *caps);

enum {
	ENGINE_START_SECONDS = 20,
};

#endif
