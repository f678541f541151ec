/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/host/log.h"

#include "ser/host/layout.h"
#include "ser/shared/log.h"

#include <stdio.h>

#define MODULE "tls"

int host_log_level(void)
{
	return get_debug_level(MODULE, sizeof(MODULE) - 1);
}

void host_log(const struct log_place *place, int level, const char *text)
{
	const struct host_log_level *info;
	struct host_log_data data = {0};
	int facility;

	if (dprint_crit || host_log_level() < level)
		return;
	info = &log_level_info[(level > LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : level) + 5];
	facility = info->syslog | get_debug_facility(MODULE, sizeof(MODULE) - 1);
	dprint_crit++;
	if (_ksr_slog_func) {
		data.facility = facility;
		data.level = level;
		data.level_name = info->name;
		data.file = place->file;
		data.line = place->line;
		data.func = place->function;
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
