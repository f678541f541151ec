/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does the client's TLS handshake on connections that somebody else opened, all on one loop, until their
 * sockets can be handed over.
 *
 * Nothing here waits for a single peer. Each phase, connecting and handshake, has a time limit after which
 * the connection is closed. The caller limits how many are under way at once. Work that a peer's bytes cause
 * is a patient operation of the loop. Threads and processes: same as the loop. All callbacks are called from
 * uring_turn(); they may start other connections.
 */
#ifndef URING_CLIENT_H
#define URING_CLIENT_H

#include "ktls/handshake.h"
#include "uring/loop.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/* Why there is no connection. An error of the socket is one of the first four in either phase. */
enum uring_client_failure {
	URING_CLIENT_REFUSED,           /* nobody listens there */
	URING_CLIENT_UNREACHABLE,       /* no way to the peer: routing, firewall, or a host that is down */
	URING_CLIENT_RESET,             /* the peer, or something on the way, reset the connection */
	URING_CLIENT_CONNECT_TIMEOUT,   /* not connected within connect_timeout */
	URING_CLIENT_HANDSHAKE_TIMEOUT, /* connected, but the handshake did not end in time */
	URING_CLIENT_HANDSHAKE,         /* the peer sent an alert, or bytes that violate TLS */
	URING_CLIENT_VERIFY,            /* its certificate is not trusted, not valid, or for another name */
	URING_CLIENT_ENDED,             /* the peer closed the connection during the handshake */
	URING_CLIENT_LOCAL,             /* memory or room in the ring is short, or begin() refused */
	URING_CLIENT_FAILURES,
};

struct uring_client_config {
	void *arg; /* for the callbacks */

	/*
	 * The connection is established and the ClientHello comes next. Set what it should contain (server
	 * name, session), and which name the peer must prove, on ktls_handshake_ssl(h). Returns 0, or a
	 * negative errno with a phrase in *why (static, or valid until failed() has returned), which ends the
	 * connection as URING_CLIENT_LOCAL. May be NULL.
	 */
	int (*begin)(void *arg, void *token, struct ktls_handshake *h, const char **why);
	/*
	 * The handshake is done and its last byte sent. The callee takes over fd (blocking mode,
	 * TCP_NODELAY); what the peer sent after its last handshake record is still in the socket. The client
	 * frees h when the callback returns; the callee may take out its SSL object
	 * (ktls_handshake_take_ssl()).
	 */
	void (*established)(void *arg, void *token, int fd, struct ktls_handshake *h);
	/*
	 * The connection failed, and the client has closed the socket. error is a negative errno, or 0 if
	 * there was none. reason is a phrase to follow "TLS connection to A: ", valid until the callback
	 * returns.
	 */
	void (*failed)(void *arg, void *token, enum uring_client_failure why, int error, const char *reason);
};

/* A connection to do the handshake on. */
struct uring_client_request {
	void *token; /* for the callbacks; may be NULL */
	/*
	 * A TCP socket, either connected, or non-blocking with a connect() under way. Once it is connected
	 * its O_NONBLOCK is cleared, for all its descriptors in all processes.
	 */
	int fd;
	SSL_CTX *ctx;               /* prepared with ktls_context_prepare(); the handshake references it */
	unsigned connect_timeout;   /* seconds, at least 1, from uring_client_start() */
	unsigned handshake_timeout; /* seconds, at least 1, from when it is connected */
};

struct uring_client;

/* config is copied. A client lives as long as its loop and process. Returns 0 or -ENOMEM. */
int uring_client_new(
	struct uring_client **client, struct uring_loop *loop, const struct uring_client_config *config);

/*
 * Starts a connection; established() or failed() will be called once for it. Takes over fd in any case.
 * Returns 0; -ENOMEM; or -EBUSY if the kernel accepts no more for now. On error fd is closed and no callback
 * follows.
 */
int uring_client_start(struct uring_client *client, const struct uring_client_request *request);

/* Number of connections for which neither callback was called yet. */
unsigned uring_client_count(const struct uring_client *client);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
