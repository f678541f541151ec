/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two ways to load a server. Each fills the tally. */
#ifndef BENCH_MODES_H
#define BENCH_MODES_H

#include "report.h"

void closed_run(const struct options *o, struct tally *t);
void storm_run(const struct options *o, struct tally *t);

#endif
