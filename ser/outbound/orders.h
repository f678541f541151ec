/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where SER's processes order secured connections: each supervisor has a desk. It keeps the far end of the
 * placeholder until its engine has shaken hands, and tells the end of it.
 */
#ifndef SER_OUTBOUND_ORDERS_H
#define SER_OUTBOUND_ORDERS_H

#include "ser/shared/conn.h"
#include "ser/shared/handover.h"
#include "ser/supervisor/private.h"

/* Once, before the first fork. Returns 0 or a negative errno. */
int orders_prepare(unsigned engines);

/*
 * In any process: has the TCP socket fd secured for an outbound record. Both descriptors stay the caller's.
 * Returns 0; -EAGAIN when too many orders wait; another negative errno.
 */
int orders_send(struct conn *conn, int fd, int far_end);

/* Session tickets that came on such a connection; where they do not get through, nothing is resumed. */
void orders_bring_tickets(const struct conn *conn, const uint8_t *messages, size_t len);

/* In a supervisor. Returns 0 or a negative errno. */
int orders_serve(void);

/* What an engine says; fd is taken over. */
void orders_established(const struct handover *h, size_t size, int fd);
void orders_failed(const struct handover_failure *f);

/* An engine is gone, and with it what it had not finished. */
void orders_engine_gone(const struct engine_process *c);

/* In a freshly forked engine: closes what is the supervisor's. */
void orders_leave(void);

#endif
