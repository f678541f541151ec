/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address to load: loopback only. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include "options.h"

/* Reads a decimal number within bounds; otherwise ends the process with a sentence that names it. */
int option_number(const char *name, const char *text, int low, int high);
/* Sets to, to_length and to_text. Ends the process with a sentence if the text is not a loopback target. */
void target_parse(struct options *o, const char *text);

#endif
