/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core's log: to stderr, syslog, or its structured logger, as it is configured. */
#ifndef SER_HOST_LOG_H
#define SER_HOST_LOG_H

/* One line at one of the core's levels. */
void host_log(int level, const char *text);

/* The level above which lines of ours are not written, as it is set now. */
int host_log_level(void);

#endif
