/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's log, and a limit for lines that strangers can cause. */
#ifndef SER_SHARED_LOG_H
#define SER_SHARED_LOG_H

#include <stdint.h>

enum log_level { /* the host's levels */
	LOG_LEVEL_CRITICAL = -3,
	LOG_LEVEL_ERROR = -1,
	LOG_LEVEL_WARNING = 0,
	LOG_LEVEL_NOTICE = 1,
	LOG_LEVEL_INFO = 2,
	LOG_LEVEL_DEBUG = 3,
};

/* One line; the text is a sentence without a newline. */
void ser_log(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Lets burst lines (0: LOG_BURST) of one kind pass in LOG_PERIOD seconds; private to a process. */
struct log_limit {
	unsigned burst;
	int64_t period_began; /* ktls_clock_ms() */
	unsigned passed, suppressed;
};

enum {
	LOG_BURST = 10,
	LOG_PERIOD = 10,
};

/* As ser_log(), within the limit; says how many lines were left out when the next period begins. */
void ser_log_limited(struct log_limit *limit, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
