/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/bounds.h"

#include "ktls/clock.h"

int ktls_bounds_idle(struct ktls_bounds *b, uint64_t records)
{
	if (records > (uint64_t)(KTLS_IDLE_RECORDS_MAX - b->idle_records))
		return 1;
	b->idle_records += (uint8_t)records;
	return 0;
}

/* Each one costs key derivations and, with records in the kernel, system calls. */
int ktls_bounds_key_update(struct ktls_bounds *b)
{
	int64_t now = ktls_clock_ms() / 1000;

	if (now - b->update_period >= KTLS_KEY_UPDATE_PERIOD) {
		b->update_period = now;
		b->key_updates = 0;
	}
	if (b->key_updates == KTLS_KEY_UPDATES_MAX)
		return 1;
	b->key_updates++;
	return 0;
}
