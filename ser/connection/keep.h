/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Gives connections to the keeper when SER ends, so that the next one takes them back (take_back.h).
 *
 * Only for tcp_main, which has all descriptors, after the readers have stopped (drain.h). A connection is
 * given away whole or not at all: what somebody is working on, what waits to be written and what an engine
 * relays ends as without a keeper.
 */
#ifndef SER_CONNECTION_KEEP_H
#define SER_CONNECTION_KEEP_H

#include "ser/host/layout.h"

/* Before the first fork; the path must stay. NULL: there is no keeper. */
void keep_prepare(const char *path);

/* Connects to the keeper. Returns 0, or -1 with a log line. */
int keep_begin(void);

/* Returns 1 if the keeper has the connection, so that it must not be touched any more; or 0. */
int keep_connection(struct host_tcp_connection *c);

/* Logs what was kept and what was not. */
void keep_end(void);

#endif
