/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sentences about what is wrong with a configuration. */
#ifndef CFG_ERROR_H
#define CFG_ERROR_H

#pragma GCC visibility push(default)

struct cfg_error {
	char text[768]; /* names the parameter, the value or file, the reason and what to do; no newline */
};

/* Writes the sentence, cut to fit. Always returns -1, so that a parser can return it. */
int cfg_fail(struct cfg_error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum {
	CFG_ERRORS_MAX = 32,
};

/* Everything that was found, in the order in which it was found. Begin with all bytes 0; nothing to free. */
struct cfg_errors {
	unsigned count;    /* sentences in the list */
	unsigned dropped;  /* more of them, for which the list had no room */
	unsigned repeated; /* more that are in the list already: values that several domains inherit */
	struct cfg_error list[CFG_ERRORS_MAX];
};

/* Appends a sentence, cut to fit, unless it is there already. Always returns -1. */
int cfg_add_error(struct cfg_errors *errors, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Number of calls so far, to see whether there was one. */
unsigned cfg_errors_added(const struct cfg_errors *errors);

#pragma GCC visibility pop

#endif
