/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor's part of orders for handshakes (ser/outbound/orders.h): it keeps the far end of the
 * placeholder until its engine has shaken hands, and tells the end of it.
 */
#ifndef SER_SUPERVISOR_ORDERS_H
#define SER_SUPERVISOR_ORDERS_H

#include "ser/shared/conn.h"
#include "ser/supervisor/private.h"

/* Takes orders from now on. Returns 0 or a negative errno. */
int orders_serve(void);

/* What an engine process answers, checked; fd is taken over. One that it was not given is passed over. */
void orders_established(const struct engine_process *p, const struct conn_made *made, int fd);
void orders_failed(const struct engine_process *p, const struct message_failed *f);

/* An engine process is gone, and with it what it had not finished. */
void orders_engine_gone(const struct engine_process *p);

#endif
