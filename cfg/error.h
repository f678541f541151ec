/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sentences about mistakes in a configuration. */
#ifndef CFG_ERROR_H
#define CFG_ERROR_H

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

struct cfg_error {
	char text[768]; /* names the parameter, the value or file, the reason and what to do; no newline */
};

/* Writes the sentence, truncated if need be. Always returns -1, so that a parser can return it. */
int cfg_fail(struct cfg_error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum {
	CFG_ERRORS_MAX = 32,
};

/* All mistakes, in the order in which they were found. Start with all bytes 0; there is nothing to free. */
struct cfg_errors {
	unsigned count;    /* sentences in the list */
	unsigned dropped;  /* further sentences that did not fit into the list */
	unsigned repeated; /* sentences that were in the list already: values that several domains inherit */
	struct cfg_error list[CFG_ERRORS_MAX];
};

/* Appends a sentence, truncated if need be, unless it is there already. Always returns -1. */
int cfg_add_error(struct cfg_errors *errors, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How many calls there were so far, to find out whether there was another one. */
unsigned cfg_errors_added(const struct cfg_errors *errors);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
