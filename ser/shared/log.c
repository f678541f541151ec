/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/log.h"

#include "ktls/clock.h"
#include "ser/host/layout.h"

#include <stdarg.h>
#include <stdio.h>

#define MODULE "tls"

static void emit(int level, const char *text)
{
	const struct host_log_level *info;
	struct host_log_data data = {0};
	int facility;

	if (dprint_crit || get_debug_level(MODULE, sizeof(MODULE) - 1) < level)
		return;
	info = &log_level_info[(level > LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : level) + 5];
	facility = info->syslog | get_debug_facility(MODULE, sizeof(MODULE) - 1);
	dprint_crit++;
	if (_ksr_slog_func) {
		data.facility = facility;
		data.level = level;
		data.level_name = info->name;
		data.file = data.func = "";
		data.module = MODULE;
		data.location = MODULE ": ";
		_ksr_slog_func(&data, "%s\n", text);
	} else if (log_stderr) {
		if (log_color)
			dprint_color(level);
		fprintf(stderr, "%2d(%d) %s: %.*s" MODULE ": %s\n", process_no, my_pid(), info->name,
			log_prefix_val ? log_prefix_val->len : 0, log_prefix_val ? log_prefix_val->s : "",
			text);
		if (log_color)
			dprint_color_reset();
	} else {
		_km_log_func(facility, "%s: %.*s" MODULE ": %s\n", info->name,
			log_prefix_val ? log_prefix_val->len : 0, log_prefix_val ? log_prefix_val->s : "",
			text);
	}
	dprint_crit--;
}

static void format_and_emit(int level, const char *format, va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, args);
	emit(level, text);
}

void ser_log(int level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_and_emit(level, format, args);
	va_end(args);
}

void ser_log_limited(struct log_limit *limit, int level, const char *format, ...)
{
	int64_t now = ktls_clock_ms();
	va_list args;

	if (now - limit->period_began >= LOG_PERIOD * 1000) {
		if (limit->suppressed)
			ser_log(level, "%u more lines like the next one were left out", limit->suppressed);
		*limit = (struct log_limit){.burst = limit->burst, .period_began = now};
	}
	if (limit->passed == (limit->burst ? limit->burst : LOG_BURST)) {
		limit->suppressed++;
		return;
	}
	limit->passed++;
	va_start(args, format);
	format_and_emit(level, format, args);
	va_end(args);
}
