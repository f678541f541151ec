/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What server.c (listeners, limits, time) and server_conn.c (one connection) share. */
#ifndef URING_SERVER_PRIVATE_H
#define URING_SERVER_PRIVATE_H

#include "uring/proxy_header.h"
#include "uring/server.h"
#include "uring/sources.h"

#include <sys/queue.h>

enum {
	CHUNK = URING_PROXY_HEADER_MAX, /* bytes that are read at once */
};

struct connection {
	struct uring_op op;           /* the one operation under way */
	TAILQ_ENTRY(connection) link; /* in the order of deadlines */
	struct uring_server *server;
	struct uring_peer peer;
	struct ktls_handshake *handshake; /* NULL until it is let in */
	int64_t deadline;                 /* CLOCK_MONOTONIC milliseconds */
	int fd;
	int timed_out;
	int counted;       /* in the server's sources */
	size_t header_len; /* bytes of an unfinished PROXY header in chunk */
	uint8_t chunk[CHUNK];
};

struct listener {
	struct uring_op op;
	struct uring_op retry;
	struct __kernel_timespec pause;
	LIST_ENTRY(listener) link;
	struct uring_server *server;
	void *arg;
	int fd;
	int idle; /* no accept is under way: waits for a handshake to end, or for the end of a pause */
	union uring_address remote;
	socklen_t remote_len;
};

struct uring_server {
	struct uring_loop *loop;
	struct uring_server_config config;
	struct uring_sources *sources; /* NULL where sources have no limit */
	LIST_HEAD(, listener) listeners;
	TAILQ_HEAD(connections, connection) connections;
	unsigned connections_count;
	unsigned handshakes; /* of the connections */
	struct uring_op timer;
	struct __kernel_timespec timer_span;
	int timer_runs;
	int paused;
	int in_trouble; /* which was told */
};

/* server.c */

/* Puts the connection, whose deadline is now set, under the server's watch. */
void server_watch(struct connection *c);

/* Ends that, and lets listeners that wait for it go on. c may be freed next. */
void server_forget(struct connection *c);

int server_is_full(const struct uring_server *s);

/* Tells of a trouble that lasts until server.c accepts a connection again. */
void server_trouble(struct uring_server *s, int error);

/* server_conn.c */

/* Begins with a socket that l accepted, and takes it over. Returns 0, or -ENOMEM when it was closed for that.
 */
int connection_start(struct listener *l, int fd);

#endif
