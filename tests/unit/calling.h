/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client on loopback TCP and OpenSSL servers, all in the test's one thread: nobody ever waits for
 * another. */
#ifndef UNIT_CALLING_H
#define UNIT_CALLING_H

#include "turns.h"

#include "uring/client.h"

enum {
	CALLING_MAX = 200, /* connections in one test */
};

/* How a server behaves; those of a test are all alike. */
struct manners {
	size_t piece;       /* bytes that it sends at a time, 0 for all */
	int pause_ms;       /* from one piece to the next */
	const char *behind; /* said right behind its handshake */
	size_t say_at_most; /* bytes in all, then it only listens; 0 for no limit */
	int deaf;           /* never reads or says anything */
	int resets;         /* after the first bytes it was sent */
	int hangs_up;       /* likewise, properly */
	const char *speaks; /* these bytes instead of TLS */
};

struct callee {
	int fd; /* -1 when it hung up */
	SSL *ssl;
	int done;   /* its handshake is over */
	int closed; /* the client closed the TCP stream */
	int alert;  /* description of the last alert it got, or -1 */
	size_t said;
	int64_t next_piece;
};

/* One connection as the callbacks told of it. */
struct call {
	struct calling *calling;
	unsigned told; /* how often */
	int fd;        /* established: else -1 */
	struct ktls_session_keys keys;
	int keys_rc; /* of ktls_handshake_keys() */
	int reused;
	int begun;
	enum uring_client_failure why;
	int error;
	char reason[300];
	int64_t at; /* ktls_clock_ms() */
};

struct calling {
	struct turns turns;
	struct uring_client *client;
	int listener;
	struct sockaddr_in at;
	SSL_CTX *ours, *theirs;
	struct manners manners;
	unsigned connect_timeout, handshake_timeout;
	/* In begin(); each may be NULL. Its answer is begin()'s. */
	int (*prepare)(struct calling *c, SSL *ssl);
	unsigned descriptors;
	struct call calls[CALLING_MAX];
	struct callee callees[CALLING_MAX];
	unsigned calls_count, callees_count;
	unsigned established, failed, most; /* most: under way at once */
	int wrong;                          /* things in callbacks that must never be */
};

/* Both contexts stay the caller's; ours is prepared. Timeouts are 20 seconds. */
void calling_open(struct calling *c, SSL_CTX *ours, SSL_CTX *theirs);

/* Ends all connections; none may be under way and no descriptor left behind. */
void calling_close(struct calling *c);

/* Starts one with a socket of the test's. */
struct call *calling_start(struct calling *c, int fd);

/* Starts one to the listener with a connect() that does not block, or to another address. */
struct call *calling_call(struct calling *c);
struct call *calling_call_to(struct calling *c, const struct sockaddr_in *to);

/* Turns until so many were told of, which must be all. */
void calling_expect(struct calling *c, unsigned established, unsigned failed);

/* The servers go on for a moment, so that they hear what was said last. */
void calling_go_on(struct calling *c);

/* A call must have failed so; the reason must hold the phrase. */
void call_failed(const struct call *call, enum uring_client_failure why, int error, const char *phrase);

/* Proves the keys of an established one in both directions; tickets in front of the text are passed over. */
void call_talk(struct call *call, struct callee *callee);

/* The server at the other end of an established call. */
struct callee *calling_find(struct calling *c, const struct call *call);

#endif
