/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hands an engine's connections over to the core's tcp_main, as a worker does with a connection that it
 * opened.
 */
#ifndef SER_CONNECTION_INJECT_H
#define SER_CONNECTION_INJECT_H

#include "ser/host/layout.h"
#include "ser/shared/conn.h"
#include "uring/loop.h"

/* Call it once in each process that injects; each has its own index below SCOREBOARD_ENGINES_MAX. */
void inject_init(struct uring_loop *loop, unsigned index);

/*
 * Gives the core a TLS connection that an engine has made, with its descriptor fd, which is closed in this
 * process in any case. Never waits: what tcp_main cannot take at once is queued. A failure is logged, and the
 * connection is gone.
 */
void inject(int fd, const struct conn_made *made);

/*
 * Gives the core a connection that a SER before had, with its record conn, which belongs to the core from
 * then on; fd is closed in this process in any case. listener: where it came in, or one with the local
 * address of a connection that SER opened. Returns 0, or -1 with a phrase in *why; then conn still belongs to
 * the caller.
 */
int inject_again(int fd, const struct kept *kept, struct conn *conn, struct host_socket_info *listener,
	const char **why);

/* Counts and logs a connection that the core does not get; the caller closes it. */
void inject_refuse(const union uring_address *remote, const char *why);

#endif
