/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes to the host's log, with a limit for lines that strangers can cause. */
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

/* Where in the source a line is logged; structured logs of the host show it. */
struct log_place {
	const char *file, *function;
	int line;
};

#define LOG_HERE (&(const struct log_place){__FILE__, __func__, __LINE__})

/* ser_log(level, format, ...) writes one line; the text is a sentence without a newline. */
#define ser_log(...) ser_log_from(LOG_HERE, __VA_ARGS__)

void ser_log_from(const struct log_place *place, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A limit for one kind of line: burst lines (0: LOG_BURST) in LOG_PERIOD seconds. Private to a process. */
struct log_limit {
	unsigned burst;
	int64_t period_began; /* ktls_clock_ms() */
	unsigned passed, suppressed;
};

enum {
	LOG_BURST = 10,
	LOG_PERIOD = 10,
};

/*
 * ser_log_limited(limit, level, format, ...) is like ser_log(), but within the limit. When the next period
 * begins, it says how many lines were left out.
 */
#define ser_log_limited(limit, ...) ser_log_limited_from(limit, LOG_HERE, __VA_ARGS__)

void ser_log_limited_from(struct log_limit *limit, const struct log_place *place, int level,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
