/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/log.h"

#include "ktls/clock.h"
#include "ser/shared/services.h"

#include <stdarg.h>
#include <stdio.h>

static void format_and_emit(const struct log_place *place, int level, const char *format, va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, args);
	services.log(place, level, text);
}

void ser_log_from(const struct log_place *place, int level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_and_emit(place, level, format, args);
	va_end(args);
}

void ser_log_limited_from(
	struct log_limit *limit, const struct log_place *place, int level, const char *format, ...)
{
	int64_t now = ktls_clock_ms();
	va_list args;

	if (now - limit->period_began >= LOG_PERIOD * 1000) {
		if (limit->suppressed)
			ser_log_from(place, level, "%u more lines like the next one were left out",
				limit->suppressed);
		*limit = (struct log_limit){.burst = limit->burst, .period_began = now};
	}
	if (limit->passed == (limit->burst ? limit->burst : LOG_BURST)) {
		limit->suppressed++;
		return;
	}
	limit->passed++;
	va_start(args, format);
	format_and_emit(place, level, format, args);
	va_end(args);
}
