/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes to the core's log: stderr, syslog, or its structured logger, as configured. */
#ifndef SER_HOST_LOG_H
#define SER_HOST_LOG_H

struct log_place;

/* Writes a line at one of the core's levels. */
void host_log(const struct log_place *place, int level, const char *text);

/* The level above which our lines are not written, as set now. */
int host_log_level(void);

#endif
