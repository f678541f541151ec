/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/counters.h"

#include "ktls/alert.h"
#include "ser/shared/scoreboard.h"

#include <string.h>

static uint64_t *row; /* NULL: the row of SER's processes */

void counters_use(uint64_t *own)
{
	row = own;
}

static void add(unsigned slot)
{
	__atomic_add_fetch(&(row ? row : scoreboard_counters())[slot], 1, __ATOMIC_RELAXED);
}

void counters_add(enum counter counter)
{
	add(counter);
}

static int has_name(uint8_t description)
{
	return ktls_alert_level(description) == KTLS_ALERT_FATAL &&
	       strcmp(ktls_alert_name(description), "unknown alert") != 0;
}

unsigned counters_alert(uint8_t description)
{
	unsigned number = 0;

	if (!has_name(description))
		return 0;
	for (unsigned d = 0; d <= description; d++)
		number += (unsigned)has_name((uint8_t)d);
	return number < COUNTER_ALERTS_MAX ? number : 0;
}

void counters_add_alert(int received, uint8_t description)
{
	add(COUNTERS + 2 * counters_alert(description) + (received != 0));
}
