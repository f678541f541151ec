/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A supervisor notices that an engine hangs, or does not stop when it should. */
#ifndef SER_SUPERVISOR_ENGINE_WATCH_H
#define SER_SUPERVISOR_ENGINE_WATCH_H

/*
 * Called with each tick: kills engines of this supervisor whose loop has not turned for engine_patience, and
 * those that do not stop accepting when a newer one has taken over. One that accepted is replaced like others
 * that die. With engine_patience=0 none is killed.
 *
 * Silence is counted in ticks, so time during which the supervisor did not run itself does not count: the
 * machine slept, the whole service was frozen, or there was no CPU time for anybody.
 */
void engine_watch(void);

#endif
