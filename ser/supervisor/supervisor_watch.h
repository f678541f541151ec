/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SER notices that a supervisor hangs. */
#ifndef SER_SUPERVISOR_SUPERVISOR_WATCH_H
#define SER_SUPERVISOR_SUPERVISOR_WATCH_H

#include "ser/shared/params.h"

/*
 * For mod_init(): from the start on, SER's timer process checks each second that the loops of all supervisors
 * turn. If one does not, it says so. After supervisor_patience it kills the supervisor, by which all of SER
 * ends (docs/security.md says why). A supervisor that reads a configuration is not killed. Returns 0 or -1.
 */
int supervisor_watch_start(const struct params *params);

#endif
