/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether SER has room for further TLS connections, by what the scoreboard says. */
#ifndef SER_SHARED_LIMITS_H
#define SER_SHARED_LIMITS_H

enum {
	LIMIT_TEXT = 160,
};

/*
 * Whether more connections than those that SER has a record of are too many. Returns the limit's counter
 * (enum counter) with words for the log, or -1.
 */
int limits_reached(long more, char words[LIMIT_TEXT]);

#endif
