/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor's part of connect orders (ser/outbound/orders.h): it keeps the far end of the placeholder
 * until its engine has done the handshake, and reports the result.
 */
#ifndef SER_SUPERVISOR_ORDERS_H
#define SER_SUPERVISOR_ORDERS_H

#include "ser/shared/conn.h"
#include "ser/supervisor/private.h"

/* Takes orders from now on. Returns 0 or a negative errno. */
int orders_serve(void);

/* Whether the engine process got that order and has not answered it yet. */
int orders_are_with(const struct engine_process *p, uint32_t order);

/* Takes an engine process's checked answer to an order that it has, and takes over fd. */
void orders_established(const struct engine_process *p, const struct conn_made *made, int fd);
void orders_failed(const struct engine_process *p, const struct message_failed *f);

/* With each tick: an order that an engine has not answered in time fails, and the engine is killed. */
void orders_tick(void);

/* An engine process is gone, and what it had not finished has failed. */
void orders_engine_gone(const struct engine_process *p);

#endif
