/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accepts connections and shakes hands with them, all on one loop, until their sockets can be handed over.
 *
 * Nothing here waits for a single peer: a connection that does not finish its handshake in time is closed.
 * At most a fixed number is under way at once, and as many wait for their client's first byte behind it;
 * before there are so many handshakes, those that say nothing or are slow are sent away (uring/places.h says
 * who goes first). Whatever a handshake's bytes lead to are patient operations of the loop; accepting is
 * not, or a crowd's bytes would keep the others in the backlog. Threads and processes: as the loop.
 */
#ifndef URING_SERVER_H
#define URING_SERVER_H

#include "ktls/handshake.h"
#include "uring/address.h"
#include "uring/loop.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/* A connection as the callbacks see it. */
struct uring_peer {
	void *listener; /* as given to uring_server_listen() */
	/* The ends of the connection: those of its PROXY header where that has any, else of the TCP
	 * connection.
	 */
	union uring_address remote, local;
	/* The ends of the TCP connection. */
	union uring_address transport_remote, transport_local;
	int proxied; /* 1: remote and local are what a PROXY header says */
};

/* What became of a handshake that came to nothing. */
enum uring_failure {
	URING_FAILED_PROBE, /* the client left before it said a byte, as a balancer's health check does */
	URING_FAILED_LEFT,  /* it left later */
	URING_FAILED_TIMED_OUT,
	URING_FAILED_HEADER,         /* it began with no PROXY header, or a bad one */
	URING_FAILED_NOT_TLS,        /* it spoke something else */
	URING_FAILED_NOTHING_SHARED, /* it offered no version, suite or the like that we take */
	URING_FAILED_CERTIFICATE,    /* its certificate was refused */
	URING_FAILED_ALERT,          /* it refused us */
	URING_FAILED_OTHER,
	URING_FAILURES
};

/* Why a connection was sent away so that another one has a place. */
enum uring_eviction {
	URING_EVICTED_SILENT, /* it had not said a byte */
	URING_EVICTED_SLOW,   /* it had not finished its ClientHello or not gone on for long, or is of the
				 largest crowd */
	URING_EVICTIONS
};

struct uring_server_config {
	void *arg; /* for the callbacks */

	/*
	 * Connections from accept to the end of their handshake, 1 or more. Where so many are under way and
	 * nobody can be sent away, further ones wait in the kernel's backlog, but for one on each further
	 * listener whose accept is under way already; or, with refuse_when_full 1, they are accepted, and
	 * closed at once unless one of a larger crowd can make way.
	 */
	unsigned max_handshakes;
	int refuse_when_full;
	/*
	 * How many of them one host (uring/address.h) keeps when places are short, however they get on; 0 for
	 * any number. Of a host with more also those go whose hello waits for its turn, if another host came
	 * in the last minute. The host is that of uring_peer.remote: the one behind the proxy.
	 */
	unsigned max_handshakes_per_source;
	unsigned handshake_timeout; /* seconds from accept, PROXY header included, to the end of the handshake
				     */
	/*
	 * 1: every connection has to begin with a PROXY header (uring/proxy_header.h says which are
	 * accepted); others end with failed(). Whoever can connect can claim any address: for listeners that
	 * only trusted proxies reach.
	 */
	int proxy_header;

	/*
	 * Asked once for each connection when its ends are known, which is right after accept or, with
	 * proxy_header, behind the header: 0 lets it in, anything else closes it without a word.
	 */
	int (*admit)(void *arg, const struct uring_peer *peer);
	/* The context to shake hands with; never NULL; referenced by the handshake. */
	SSL_CTX *(*context)(void *arg, const struct uring_peer *peer);
	/* Called before the first byte of a handshake; may be NULL. */
	void (*begin)(void *arg, const struct uring_peer *peer, struct ktls_handshake *h);
	/*
	 * Milliseconds, 0 for none, and up to 100 more, that a connection whose handshake is done waits for
	 * the client's first byte before established() is called. A client that leaves in that time without
	 * one costs the caller nothing; a close_notify is a byte. It does not wait where max_handshakes
	 * others do, or when memory is short; those that wait are not among the max_handshakes.
	 */
	unsigned first_byte_ms;
	/*
	 * So many of one host (as for max_handshakes_per_source) wait at most for a first byte, and the
	 * others are handed over at once; 0 for any number. For callers whose own limit for a host only
	 * counts what was handed over.
	 */
	unsigned max_ready_per_source;
	/*
	 * The client completed its handshake and left within first_byte_ms. The server has closed the socket,
	 * and frees h when it returns. May be NULL.
	 */
	void (*unused)(void *arg, const struct uring_peer *peer, struct ktls_handshake *h);
	/*
	 * The handshake is done and its last byte sent. The callee takes over fd (blocking mode); h is freed
	 * by the server when it returns.
	 */
	void (*established)(void *arg, const struct uring_peer *peer, int fd, struct ktls_handshake *h);
	/*
	 * There will be no connection: the handshake failed, or the server ends. reason is a phrase. The
	 * server has closed the socket.
	 */
	void (*failed)(void *arg, const struct uring_peer *peer, enum uring_failure kind, const char *reason);
	/*
	 * A connection was sent away; like_it is how many connections its host had, itself included, that
	 * were no further. The server has closed the socket. May be NULL.
	 */
	void (*evicted)(void *arg, const struct uring_peer *peer, enum uring_eviction why, unsigned like_it);
	/*
	 * A connection was closed for max_handshakes, before anything was read: remote is the proxy, if there
	 * is one. May be NULL without refuse_when_full.
	 */
	void (*refused)(void *arg, const struct uring_peer *peer);
	/*
	 * Accepting has to rest (EMFILE, ENOMEM ...) or wait until somebody was sent away, or it ends for
	 * good on one listener; error is a negative errno. For a rest it is called once, however often it is
	 * tried again until a connection can be accepted.
	 */
	void (*trouble)(void *arg, int error, int for_good);
	/* uring_server_unlisten() is done: the caller may close the listening socket. May be NULL. */
	void (*unlistened)(void *arg, void *listener);
	/*
	 * uring_server_end() is done: the server is freed, and the caller may close its listening sockets,
	 * and free the loop once uring_turn() has returned. May be NULL.
	 */
	void (*ended)(void *arg);
};

struct uring_server;

/* config is copied. Returns 0, -ENOMEM, or another negative errno when the kernel gives no random bytes. */
int uring_server_new(
	struct uring_server **server, struct uring_loop *loop, const struct uring_server_config *config);

/*
 * Starts accepting on a listening TCP socket in blocking mode, which stays the caller's. listener is handed
 * to the callbacks. Returns 0, -ENOMEM or -EBUSY.
 */
int uring_server_listen(struct uring_server *server, int fd, void *listener);

/*
 * Stops accepting on the listening socket fd, for good. The kernel may still be about to accept a connection
 * there, which is served as before; unlistened() says when it is not, maybe before this returns. Handshakes
 * under way go on. Returns 0, or -ENOENT if the server does not listen there (any more). May be called from
 * the callbacks.
 */
int uring_server_unlisten(struct uring_server *server, int fd);

/*
 * Ends the server: it accepts nothing more, and closes the connections whose handshakes are under way or that
 * wait for a first byte; failed() is called for each. Connections that were handed over are not the server's.
 * Go on calling uring_turn() until it calls ended(). May be called once, also from the callbacks; after that
 * the server must not be used.
 */
void uring_server_end(struct uring_server *server);

/*
 * Lets new connections wait in the kernel's backlog (paused 1) or accepts again (0); asking twice for the
 * same does nothing. Handshakes under way go on, and connections that the kernel had accepted for us already
 * are served. May be called from the callbacks.
 */
void uring_server_pause(struct uring_server *server, int paused);

/*
 * Number of handshakes under way. A connection counts from when it was let in by admit(), so while that is
 * asked it does not count yet, nor while its PROXY header is awaited; nor any more when it is sent away or
 * waits for its client's first byte.
 */
unsigned uring_server_handshakes(const struct uring_server *server);

/* Number of connections whose handshake is done and that wait for their client's first byte. */
unsigned uring_server_ready(const struct uring_server *server);

/*
 * For limits of the caller's that handshakes under way count for: sends somebody away, whoever is the first
 * to go. Returns 1, or 0 when all are to be left alone for now. May be called from admit().
 */
int uring_server_make_room(struct uring_server *server);

/* 1 while it may still get a connection from the kernel: a pause takes a moment. */
int uring_server_is_accepting(const struct uring_server *server);

/*
 * 1 when a paused server has nothing under way any more, accepting included: its process may end and loses
 * nobody.
 */
int uring_server_is_quiet(const struct uring_server *server);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
