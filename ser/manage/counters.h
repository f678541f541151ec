/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The module's counters as the core's group "tls": they are read with kamcmd (counters.grp_get_all tls,
 * stats.fetch tls:) and by the core's exporters, and set to 0 as the core's own.
 */
#ifndef SER_MANAGE_COUNTERS_H
#define SER_MANAGE_COUNTERS_H

/* Registers all; call it in mod_init(). Returns 0 or -1 with a log line. */
int counters_register(void);

/* Name (static text) and value, over all processes, of counter i; counters and gauges; NULL past the end. */
const char *counters_get(unsigned i, long *value);

#endif
