/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether SER has room for more TLS connections, according to the scoreboard. */
#ifndef SER_SHARED_LIMITS_H
#define SER_SHARED_LIMITS_H

#include "uring/address.h"

enum {
	LIMIT_TEXT = 160,
};

/*
 * Checks the limits for `more` connections on top of those that SER has a record of. Returns the counter
 * (enum counter) of the limit that is reached, with words for the log, or -1.
 */
int limits_reached(long more, char words[LIMIT_TEXT]);

/*
 * The same for one more connection from an address, of which max is how many there may be
 * (max_connections_per_source): 0 any number; negative, any number until three quarters of the places of SER
 * are taken, and from then on a quarter of them, or 256.
 */
int limits_source_reached(const union uring_address *remote, int max, char words[LIMIT_TEXT]);

#endif
