/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a supervisor does ten times a second: it tells its engines how full SER is, and SER how many
 * connections they refused; it watches its engines, sees whether a reload was decided, and shows those that
 * watch it that it runs. The first one also warns of what expires.
 */
#ifndef SER_SUPERVISOR_TICK_H
#define SER_SUPERVISOR_TICK_H

#include "uring/loop.h"

/* Starts it. Returns 0 or -EBUSY. */
int tick_start(struct uring_loop *loop);

#endif
