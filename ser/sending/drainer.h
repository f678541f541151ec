/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The drainer writes out send queues. One process does this for all connections: it gets a descriptor from
 * whoever queued the first byte, waits for room, and releases the descriptor when the queue is empty.
 */
#ifndef SER_SENDING_DRAINER_H
#define SER_SENDING_DRAINER_H

#include "ser/host/layout.h"
#include "ser/shared/conn.h"
#include "uring/loop.h"

/*
 * Call it once, before the processes are forked. A peer that takes nothing for send_timeout seconds loses its
 * connection. Returns 0 or a negative errno.
 */
int drainer_prepare(unsigned send_timeout);

/* Call it in the process that drains; the work is done in uring_turn(loop). Returns 0, -ENOMEM or -EBUSY. */
int drainer_start(struct uring_loop *loop);

/*
 * Hands a connection whose queue has just become busy to the drainer, without waiting. The caller keeps its
 * own descriptor and reference. Returns 0 or a negative errno; -EAGAIN if the drainer is too far behind.
 */
int drainer_hand_over(struct conn *conn, const union host_sockaddr *peer, int fd);

#endif
