/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One sentence about what is wrong with a configuration. */
#ifndef CFG_ERROR_H
#define CFG_ERROR_H

struct cfg_error {
	char text[768]; /* names the parameter, the value or file, the reason and what to do; no newline */
};

/* Writes the sentence, cut to fit. Always returns -1, so that a parser can return it. */
int cfg_fail(struct cfg_error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
