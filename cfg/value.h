/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parsers of single parameter values. Each returns 0, or -1 with a sentence in *e and nothing else changed.
 */
#ifndef CFG_VALUE_H
#define CFG_VALUE_H

#include "cfg/error.h"

#include <stddef.h>

#pragma GCC visibility push(default)

struct cfg_versions {
	int min, max; /* TLS1_2_VERSION or TLS1_3_VERSION */
};

/*
 * Names of SER's parameters method and tls_method, in any case: SSLv23 and the names with a plus accept that
 * version and all newer ones. TLS 1.0 and 1.1 are not spoken (RFC 8996): ranges that begin there begin
 * at 1.2, names that ask for them alone are refused.
 */
int cfg_parse_method(const char *param, const char *value, struct cfg_versions *out, struct cfg_error *e);

/* 0 or 1, as a number or as a word of the 2006 manual: yes/no, true/false, on/off, enable(d)/disable(d). */
int cfg_parse_bool(const char *param, const char *value, int *out, struct cfg_error *e);

/* A decimal number between min and max. */
int cfg_parse_int(const char *param, const char *value, int min, int max, int *out, struct cfg_error *e);

/* A number between min and max that is one already. */
int cfg_check_int(const char *param, int value, int min, int max, struct cfg_error *e);

/*
 * Where a file is: absolute names and those that begin with a dot are taken as they are, others lie beside
 * the main configuration file. Returns a string for free(), or NULL when memory is short.
 */
char *cfg_resolve_path(const char *main_config, const char *value);

#pragma GCC visibility pop

#endif
