/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shows the module's counters as the core's group "tls". kamcmd reads them (counters.grp_get_all tls,
 * stats.fetch tls:), and so do the core's exporters; they can be reset like the core's own.
 */
#ifndef SER_MANAGE_COUNTERS_H
#define SER_MANAGE_COUNTERS_H

/* Registers all counters; call it in mod_init(). Returns 0 or -1 with a log line. */
int counters_register(void);

/* Name (static text) and value of counter or gauge i, summed over all processes. NULL past the end. */
const char *counters_get(unsigned i, long *value);

#endif
