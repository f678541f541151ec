/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TLS engine: a process that does handshakes and relays. It reads every stranger's bytes. So it takes none
 * of SER's locks, sees nothing of SER's shared memory and calls nothing in the host, and its death harms only
 * its own peers.
 */
#ifndef SER_ENGINE_ENGINE_H
#define SER_ENGINE_ENGINE_H

#include "ser/engine/parts.h"

enum {
	ENGINE_CANNOT_START = 2, /* exit code */
};

/*
 * Runs a freshly forked engine and does not return. When it accepts connections (an empty text) or cannot
 * start, it writes a struct cfg_error to report and closes it. With report -1 it logs instead.
 */
void engine_run(const struct engine_parts *parts, int report) __attribute__((noreturn));

#endif
