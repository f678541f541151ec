/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/value.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int cfg_parse_method(const char *param, const char *value, struct cfg_versions *out, struct cfg_error *e)
{
	static const struct {
		const char *name;
		struct cfg_versions versions; /* min 0: a protocol that is not supported */
	} methods[] = {
		{"SSLv23", {TLS1_2_VERSION, TLS1_3_VERSION, CFG_OPEN_MIN | CFG_OPEN_MAX}},
		{"TLSv1+", {TLS1_2_VERSION, TLS1_3_VERSION, CFG_OPEN_MAX}},
		{"TLSv1.0+", {TLS1_2_VERSION, TLS1_3_VERSION, CFG_OPEN_MAX}},
		{"TLSv1.1+", {TLS1_2_VERSION, TLS1_3_VERSION, CFG_OPEN_MAX}},
		{"TLSv1.2+", {TLS1_2_VERSION, TLS1_3_VERSION, CFG_OPEN_MAX}},
		{"TLSv1.2", {TLS1_2_VERSION, TLS1_2_VERSION, 0}},
		{"TLSv1.3+", {TLS1_3_VERSION, TLS1_3_VERSION, CFG_OPEN_MAX}},
		{"TLSv1.3", {TLS1_3_VERSION, TLS1_3_VERSION, 0}},
		{"SSLv2", {0, 0, 0}},
		{"SSLv3", {0, 0, 0}},
		{"TLSv1", {0, 0, 0}},
		{"TLSv1.0", {0, 0, 0}},
		{"TLSv1.1", {0, 0, 0}},
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcasecmp(methods[i].name, value))
			continue;
		if (!methods[i].versions.min)
			return cfg_fail(e,
				"%s: '%s' asks for a protocol older than TLS 1.2, which RFC 8996 retires and "
				"this "
				"module does not speak; use TLSv1.2+",
				param, value);
		*out = methods[i].versions;
		return 0;
	}
	return cfg_fail(
		e, "%s: '%s' is not a method; use TLSv1.2+, TLSv1.2, TLSv1.3 or SSLv23", param, value);
}

int cfg_parse_bool(const char *param, const char *value, int *out, struct cfg_error *e)
{
	static const char *const words[][6] = {
		{"0", "no", "false", "off", "disable", "disabled"},
		{"1", "yes", "true", "on", "enable", "enabled"},
	};

	for (int on = 0; on < 2; on++) {
		for (int i = 0; i < 6; i++) {
			if (!strcasecmp(words[on][i], value)) {
				*out = on;
				return 0;
			}
		}
	}
	return cfg_fail(e, "%s: '%s' is neither yes nor no; use 0 or 1", param, value);
}

int cfg_check_int(const char *param, int value, int min, int max, struct cfg_error *e)
{
	if (value < min || value > max)
		return cfg_fail(
			e, "%s: %d is out of range; use a number from %d to %d", param, value, min, max);
	return 0;
}

int cfg_parse_int(const char *param, const char *value, int min, int max, int *out, struct cfg_error *e)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(value, &end, 10);
	if (errno || end == value || *end || n < min || n > max)
		return cfg_fail(e, "%s: '%s' is not a number from %d to %d", param, value, min, max);
	*out = (int)n;
	return 0;
}

char *cfg_resolve_path(const char *main_config, const char *value)
{
	const char *slash = main_config ? strrchr(main_config, '/') : NULL;
	char *path = NULL;

	if (value[0] == '/' || value[0] == '.' || !slash)
		return strdup(value);
	if (asprintf(&path, "%.*s/%s", (int)(slash - main_config), main_config, value) < 0)
		return NULL;
	return path;
}
