/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address to load: loopback only. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include "options.h"

/* A decimal number within bounds; ends the process with a sentence that names it otherwise. */
int option_number(const char *name, const char *text, int low, int high);
/* Sets to, to_length and to_text; ends the process with a sentence when the text is no loopback target. */
void target_parse(struct options *o, const char *text);

#endif
