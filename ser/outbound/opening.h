/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection that is being opened: keeps messages meanwhile, and handles its failure. */
#ifndef SER_OUTBOUND_OPENING_H
#define SER_OUTBOUND_OPENING_H

#include "ser/shared/conn.h"

/*
 * Keeps a message until the connection is established; with and_close, the connection is closed after it.
 * Returns 1; 0 if it is established; -1 with a log line if it has failed, perhaps because too much would wait
 * with this message.
 */
int opening_keep(struct conn *conn, const char *p, size_t len, int and_close);

/* Makes it FAILED, unless it is already. Returns how many kept bytes are lost, or -EALREADY. */
ssize_t opening_fail(struct conn *conn);

#endif
