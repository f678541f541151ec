/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Says when an OCSP response becomes stale while SER runs. Engines send it no more by themselves. */
#ifndef SER_SUPERVISOR_STAPLE_WATCH_H
#define SER_SUPERVISOR_STAPLE_WATCH_H

/* With each tick; the first supervisor looks once a second at the contexts in use. */
void staple_watch(void);

#endif
