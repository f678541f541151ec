/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether SER has room for more TLS connections, according to the scoreboard. */
#ifndef SER_SHARED_LIMITS_H
#define SER_SHARED_LIMITS_H

enum {
	LIMIT_TEXT = 160,
};

/*
 * Checks the limits for `more` connections on top of those that SER has a record of. Returns the counter
 * (enum counter) of the limit that is reached, with words for the log, or -1.
 */
int limits_reached(long more, char words[LIMIT_TEXT]);

#endif
