/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rights that the engine uses at the start, and that it drops. */
#ifndef SER_SUPERVISOR_PRIVILEGES_H
#define SER_SUPERVISOR_PRIVILEGES_H

#include "cfg/error.h"

/*
 * Uses the rights that SER has at the start for what the engine cannot do later: many kernels count the
 * memory of its ring as locked memory, of which an ordinary user may have too little. This needs no rights
 * and cannot fail; if the limit stays low, the engine's ring is smaller.
 */
void privileges_prepare(void);

/*
 * Allows the calling process count descriptors, or as many as the hard limit permits. Returns how many it may
 * have then. systemd starts services with a soft limit of 1024, for programs that use select().
 */
unsigned long privileges_raise_files(unsigned long count);

/*
 * Drops, for good, all rights that the engine does not need: the process has no capability (libcap), cannot
 * gain one by exec, and has no core dump or debugger that could show a key. It may have as many descriptors
 * as the hard limit permits, and ends when its parent ends. Returns 0, or -1 with a sentence in *e.
 */
int privileges_drop(struct cfg_error *e);

#endif
