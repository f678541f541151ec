/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shakes hands as a TLS client on connections that somebody else has opened, all on one loop, until their
 * sockets can be handed over.
 *
 * Nothing here waits for a single peer: each phase, connecting and shaking hands, has a time after which the
 * connection is closed. How many are under way at once is the caller's to bound. Whatever a peer's bytes lead
 * to is a patient operation of the loop.
 * Threads and processes: as the loop. All callbacks are called from uring_turn() only; they may start others.
 */
#ifndef URING_CLIENT_H
#define URING_CLIENT_H

#include "ktls/handshake.h"
#include "uring/loop.h"

#pragma GCC visibility push(default)

/* Why there is no connection. Errors of the socket are of one of the first four kinds in either phase. */
enum uring_client_failure {
	URING_CLIENT_REFUSED,           /* nobody listens there */
	URING_CLIENT_UNREACHABLE,       /* no way to the peer: routing, firewall, a host that is down */
	URING_CLIENT_RESET,             /* the peer, or something on the way, reset the connection */
	URING_CLIENT_CONNECT_TIMEOUT,   /* not connected within connect_timeout */
	URING_CLIENT_HANDSHAKE_TIMEOUT, /* connected, but the handshake did not end in time */
	URING_CLIENT_HANDSHAKE,         /* an alert of the peer's, or what it sent is not what TLS asks for */
	URING_CLIENT_VERIFY,            /* its certificate: not trusted, not valid, or for another name */
	URING_CLIENT_ENDED,             /* the peer closed the connection during the handshake */
	URING_CLIENT_LOCAL,             /* memory or ring are short, or begin() said no */
	URING_CLIENT_FAILURES,
};

struct uring_client_config {
	void *arg; /* for the callbacks */

	/*
	 * The connection is there and the ClientHello comes next: what it should say (server name, session),
	 * and which name the peer must prove, is set on ktls_handshake_ssl(h) here. Returns 0; or a negative
	 * errno with a phrase in *why (static, or living until failed() was called) that ends the connection
	 * as URING_CLIENT_LOCAL. May be NULL.
	 */
	int (*begin)(void *arg, void *token, struct ktls_handshake *h, const char **why);
	/*
	 * The handshake is done and its last byte sent. The callee takes over fd (blocking mode,
	 * TCP_NODELAY); what the peer sent behind its last handshake record is still in the socket. h is
	 * freed by the client when it returns; its SSL object may be taken out (ktls_handshake_take_ssl()).
	 */
	void (*established)(void *arg, void *token, int fd, struct ktls_handshake *h);
	/*
	 * There is no connection; the client has closed the socket. error is a negative errno, or 0 where
	 * there was none; reason is one phrase that goes behind "TLS connection to A: ", valid until it
	 * returns.
	 */
	void (*failed)(void *arg, void *token, enum uring_client_failure why, int error, const char *reason);
};

/* One connection that is to be secured. */
struct uring_client_request {
	void *token; /* the caller's, for the callbacks; may be NULL */
	/*
	 * A TCP socket, connected or (then non-blocking) with a connect() under way. Its O_NONBLOCK, which is
	 * that of all its descriptors in all processes, is cleared once it is connected.
	 */
	int fd;
	SSL_CTX *ctx;               /* ktls_context_prepare()d; referenced by the handshake */
	unsigned connect_timeout;   /* seconds, at least 1, from uring_client_start() */
	unsigned handshake_timeout; /* seconds, at least 1, from when it is connected */
};

struct uring_client;

/* config is copied. A client lives as long as its loop and its process. Returns 0 or -ENOMEM. */
int uring_client_new(
	struct uring_client **client, struct uring_loop *loop, const struct uring_client_config *config);

/*
 * Starts one, of which established() or failed() will tell once. Takes over fd in any case. Returns 0; or
 * -ENOMEM, or -EBUSY when the kernel takes no more for now: fd is closed then and no callback follows.
 */
int uring_client_start(struct uring_client *client, const struct uring_client_request *request);

/* Number of connections of which neither callback has told yet. */
unsigned uring_client_count(const struct uring_client *client);

#pragma GCC visibility pop

#endif
