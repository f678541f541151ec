/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The module's counters, which lie on the scoreboard; the host shows them as its group "tls"
 * (ser/manage/counters.h). Each engine process counts on its own page; all other processes share a row.
 */
#ifndef SER_SHARED_COUNTERS_H
#define SER_SHARED_COUNTERS_H

#include "ser/shared/counter_names.h"

#include <stdint.h>

void counters_add(enum counter counter);

void counters_add_alert(int received, uint8_t description);

/* The number of a fatal alert; all alerts without a name share 0. */
unsigned counters_alert(uint8_t description);

/* For a process that has a row of its own (COUNTER_SLOTS). */
void counters_use(uint64_t *row);

#endif
