/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rights that the engine uses at the start, and that it drops. */
#ifndef SER_SUPERVISOR_PRIVILEGES_H
#define SER_SUPERVISOR_PRIVILEGES_H

#include "cfg/error.h"

/*
 * Uses what rights there are at the start for what the engine cannot do later: in many kernels the memory of
 * its ring counts as locked memory, of which an ordinary user may have too little. Needs no right and cannot
 * fail: where the limit stays low, the engine's ring is smaller.
 */
void privileges_prepare(void);

/*
 * Lets the calling process have count descriptors, or as many as the hard limit allows. Returns how many it
 * may have then. systemd starts services with a soft limit of 1024, for the sake of those that use select().
 */
unsigned long privileges_raise_files(unsigned long count);

/*
 * Leaves the calling process the rights the engine needs and no other, for good: no capability (libcap), no
 * way to gain one by exec, no core dump or debugger that could show a key, as many descriptors as the hard
 * limit allows, an end when its parent ends. Returns 0, or -1 with a sentence in *e.
 */
int privileges_drop(struct cfg_error *e);

#endif
