/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection that is being opened: what is said on it meanwhile, and its failure. */
#ifndef SER_OUTBOUND_OPENING_H
#define SER_OUTBOUND_OPENING_H

#include "ser/shared/conn.h"

/*
 * Keeps a message until the connection is established, and, with and_close, closes it behind that. Returns 1;
 * 0 when it is established; -1 with a log line when it failed, maybe for this message: with it too much would
 * wait.
 */
int opening_keep(struct conn *conn, const char *p, size_t len, int and_close);

/* From here on it is FAILED, unless it is already. Returns how many bytes that were kept are lost, or
 * -EALREADY. */
ssize_t opening_fail(struct conn *conn);

#endif
