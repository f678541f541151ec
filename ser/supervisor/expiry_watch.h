/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Warns of certificates and revocation lists that expire soon: certificate_warn_days before, or in the last
 * third of their time if that is shorter, because a list may be made for a day.
 */
#ifndef SER_SUPERVISOR_EXPIRY_WATCH_H
#define SER_SUPERVISOR_EXPIRY_WATCH_H

#include "cfg/set.h"
#include "ser/shared/params.h"

/* Call it before the first fork. Returns the time that the first tick counts from. */
int64_t expiry_watch_begin(void);

/*
 * Appends a sentence for each that is due now (time(2)). What has expired is left out where the set's
 * building has warned of it.
 */
void expiry_warn(
	const struct cfg_set *set, const struct params *params, int64_t now, struct cfg_errors *warnings);

/* With each tick: the first supervisor logs what has become due since the last one, or is another day nearer.
 */
void expiry_watch(void);

#endif
