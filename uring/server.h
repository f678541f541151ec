/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accepts connections and shakes hands with them, all on one loop, until their sockets can be handed over.
 *
 * Nothing here waits for a single peer: a connection that does not finish its handshake in time is closed,
 * and at most a fixed number shake hands at once (plus one for each further listener, whose accept is under
 * way already); further ones stay in the kernel's backlog.
 * Threads and processes: as the loop.
 */
#ifndef URING_SERVER_H
#define URING_SERVER_H

#include "ktls/handshake.h"
#include "uring/loop.h"

#include <netinet/in.h>

union uring_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* A connection as the callbacks see it. */
struct uring_peer {
	void *listener; /* as given to uring_server_listen() */
	union uring_address remote, local;
};

struct uring_server_config {
	void *arg; /* for the callbacks */
	unsigned max_handshakes;
	unsigned handshake_timeout; /* seconds from accept to the end of the handshake */

	/* Asked right after accept: 0 lets the connection in, anything else closes it without a word. */
	int (*admit)(void *arg, const struct uring_peer *peer);
	/* The context to shake hands with; never NULL; referenced by the handshake. */
	SSL_CTX *(*context)(void *arg, const struct uring_peer *peer);
	/*
	 * The handshake is done and its last byte sent. The callee takes over fd (blocking mode); h is freed
	 * by the server when it returns.
	 */
	void (*established)(void *arg, const struct uring_peer *peer, int fd, struct ktls_handshake *h);
	/* The handshake ended without a connection; reason is a phrase. The server has closed the socket. */
	void (*failed)(void *arg, const struct uring_peer *peer, const char *reason);
	/* Accepting stops for a moment (EMFILE, ENOMEM ...) or for good (error is negative errno). */
	void (*trouble)(void *arg, int error, int for_good);
};

struct uring_server;

/* config is copied. Returns 0 or -ENOMEM. */
int uring_server_new(
	struct uring_server **server, struct uring_loop *loop, const struct uring_server_config *config);

/*
 * Starts accepting on a listening TCP socket in blocking mode, which stays the caller's. listener is handed
 * to the callbacks. Returns 0, -ENOMEM or -EBUSY.
 */
int uring_server_listen(struct uring_server *server, int fd, void *listener);

/* Number of handshakes under way. */
unsigned uring_server_handshakes(const struct uring_server *server);

#endif
