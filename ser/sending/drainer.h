/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes what sockets did not take at once. One process does that for all connections: it gets a descriptor
 * from whoever queued the first byte, waits for room and lets go of it when the queue is empty.
 */
#ifndef SER_SENDING_DRAINER_H
#define SER_SENDING_DRAINER_H

#include "ser/host/layout.h"
#include "ser/shared/conn.h"
#include "uring/loop.h"

/*
 * Once, before the processes are forked. A peer that takes nothing for send_timeout seconds loses its
 * connection. Returns 0 or a negative errno.
 */
int drainer_prepare(unsigned send_timeout);

/*
 * In the one process that drains; it works inside uring_turn(loop). Returns 0, -ENOMEM or -EBUSY.
 */
int drainer_start(struct uring_loop *loop);

/*
 * Hands over a connection whose queue has just become busy, without waiting; the caller keeps its descriptor
 * and its reference. Returns 0 or a negative errno, -EAGAIN when the drainer is too far behind.
 */
int drainer_hand_over(struct conn *conn, const union host_sockaddr *peer, int fd);

#endif
