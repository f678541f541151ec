/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The modes of load. Each prints its JSON object and returns false if something went wrong. */
#ifndef BENCH_MODES_H
#define BENCH_MODES_H

#include "options.h"

bool exchange_run(const struct options *o); /* closed and rate */
bool storm_run(const struct options *o);    /* storm and resume */
bool idle_run(const struct options *o);
bool stalled_run(const struct options *o);
bool mixed_run(const struct options *o);
bool restart_run(const struct options *o);

#endif
