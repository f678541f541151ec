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
 * Drops, for good, all rights that a supervisor does not need: the process has no capability in force
 * (libcap), cannot gain one by exec, and has no core dump or debugger that could show a key. If SER runs as
 * root, it may use one again, with privileges_read(). It may have as many descriptors
 * as the hard limit permits, and ends when its parent ends. Returns 0, or -1 with a sentence in *e.
 */
int privileges_drop(struct cfg_error *e);

/*
 * For a supervisor, around the reading of a configuration: root may read files of other owners, such as a key
 * that belongs to the user kamailio. A supervisor reads nothing from strangers.
 */
void privileges_read(int begin);

/* For an engine: drops that for good, too. Returns 0 or -1. */
int privileges_forget(void);

#endif
