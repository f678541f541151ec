/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where SER's processes order secured connections: each supervisor has a desk. It keeps the far end of the
 * placeholder until its engine has shaken hands, and tells the end of it.
 */
#ifndef SER_DESK_H
#define SER_DESK_H

#include "ser/conn.h"
#include "ser/handover.h"
#include "ser/supervisor_private.h"

/* Once, before the first fork. Returns 0 or a negative errno. */
int desk_prepare(unsigned engines);

/*
 * In any process: has the TCP socket fd secured for an outbound record. Both descriptors stay the caller's.
 * Returns 0; -EAGAIN when too many orders wait; another negative errno.
 */
int desk_order(struct conn *conn, int fd, int far_end);

/* Session tickets that came on such a connection; where they do not get through, nothing is resumed. */
void desk_bring_tickets(const struct conn *conn, const uint8_t *messages, size_t len);

/* In a supervisor. Returns 0 or a negative errno. */
int desk_open(void);

/* What an engine says; fd is taken over. */
void desk_up(const struct handover *h, size_t size, int fd);
void desk_failed(const struct handover_failure *f);

/* An engine is gone, and with it what it had not finished. */
void desk_engine_gone(const struct child *c);

/* In a freshly forked engine: closes what is the supervisor's. */
void desk_leave(void);

#endif
