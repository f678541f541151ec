/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parsers for single parameter values. Each returns 0, or -1 with a sentence in *e and nothing else changed.
 */
#ifndef CFG_VALUE_H
#define CFG_VALUE_H

#include "cfg/error.h"

#include <stddef.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum {
	CFG_OPEN_MIN = 1,
	CFG_OPEN_MAX = 2,
};

struct cfg_versions {
	int min, max; /* TLS1_2_VERSION or TLS1_3_VERSION */
	int open;     /* CFG_OPEN_...: which of them openssl.cnf may narrow */
};

/*
 * Values of SER's parameters method and tls_method, in upper or lower case. SSLv23 leaves both ends, and
 * names with a plus leave the upper end to openssl.cnf. TLS 1.0 and 1.1 are not supported (RFC 8996): a range
 * that begins there begins at 1.2, and a name that asks only for them is refused.
 */
int cfg_parse_method(const char *param, const char *value, struct cfg_versions *out, struct cfg_error *e);

/* 0 or 1, as a number or as a word of the 2006 manual: yes/no, true/false, on/off, enable(d)/disable(d). */
int cfg_parse_bool(const char *param, const char *value, int *out, struct cfg_error *e);

/* A decimal number between min and max. */
int cfg_parse_int(const char *param, const char *value, int min, int max, int *out, struct cfg_error *e);

/* Checks that a number is between min and max. */
int cfg_check_int(const char *param, int value, int min, int max, struct cfg_error *e);

/*
 * Where a file is. Absolute names and names that begin with a dot stay as they are; others are relative to
 * the main configuration file's folder. Returns a string to free(), or NULL if memory is short.
 */
char *cfg_resolve_path(const char *main_config, const char *value);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
