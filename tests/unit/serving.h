/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server on loopback TCP and its clients, all in the test's one thread: nobody ever waits for another. */
#ifndef UNIT_SERVING_H
#define UNIT_SERVING_H

#include "turns.h"

#include "uring/server.h"

enum {
	SERVING_MAX = 200, /* clients in one test */
};

/* A client with a socket that does not block. */
struct caller {
	int fd; /* -1 after caller_hang_up() and caller_reset() */
	uint16_t port;
	SSL *ssl;
	/* How it behaves; may be set before its first turn. */
	size_t budget;      /* bytes that it may still send */
	size_t thirst;      /* bytes that it still takes */
	size_t piece;       /* bytes that it sends at a time, 0 for all */
	int pause_ms;       /* from one piece to the next */
	const char *behind; /* said in the same segment as the end of its handshake */
	/* What became of it. */
	int done;   /* its handshake is over */
	int closed; /* the server closed the TCP stream */
	int error;  /* errno of a recv() or send() that failed, ECONNRESET for a reset */
	int alert;  /* description of the last alert it got, or -1 */
	int64_t next_piece;
};

struct accepted {
	int fd;
	struct uring_peer peer;
	struct ktls_session_keys keys;
};

struct failure {
	uint16_t port; /* the client's own, also behind a PROXY header */
	int64_t at;    /* ktls_clock_ms() */
};

struct serving {
	struct turns turns;
	struct uring_server *server; /* NULL when it has ended */
	int listener;
	struct sockaddr_in at;
	SSL_CTX *ctx;
	int small;                            /* see serving_make_small() */
	int refuse;                           /* admit() lets nobody in */
	unsigned pause_after;                 /* admit() pauses the server when it is asked so often */
	int end_in_admit, end_in_established; /* that callback ends the server */
	unsigned descriptors;
	/* What the callbacks were told. */
	unsigned asked, established, unused, failed, refused, troubles, unlistened, ended;
	unsigned under_way;      /* handshakes, when admit() was asked last */
	struct uring_peer peer;  /* the last that was asked for, refused, sent away or failed */
	unsigned most;           /* handshakes at once */
	char reason[160];        /* of the last failure */
	enum uring_failure kind; /* the same */
	int error, for_good;     /* of the last trouble */
	int wrong;               /* things in callbacks that must never be */
	struct accepted accepted[SERVING_MAX];
	struct failure failures[SERVING_MAX];
	unsigned evicted[URING_EVICTIONS], all_evicted;
	uint16_t evictions[SERVING_MAX]; /* ports, in their order */
	unsigned like_it;                /* what was said with the last of them */
	struct caller callers[SERVING_MAX];
	unsigned calls;
};

/* Starts to serve; ctx stays the caller's. */
void serving_open(struct serving *s, SSL_CTX *ctx, unsigned max_handshakes, unsigned timeout);

/* The same with all of the limits in config, whose callbacks are set here. */
void serving_open_with(struct serving *s, SSL_CTX *ctx, const struct uring_server_config *limits);

/* From now on the sockets of both sides hold as little as the kernel allows. */
void serving_make_small(struct serving *s);

/* Turns until the server has ended, which the test must have asked for. */
void serving_until_ended(struct serving *s);

/* Ends the server and all connections; no handshake may be under way and no descriptor left behind. */
void serving_close(struct serving *s);

/* The same, when all clients have hung up. */
void serving_hang_up(struct serving *s);

/* Uses up all descriptors that the process may open. Returns how many it took; they are the highest. */
int serving_use_up(const struct serving *s, int *fds, int max);

/* One more client. */
struct caller *serving_call(struct serving *s, SSL_CTX *client);

/* One that comes from an IPv4 address of the loopback network. */
struct caller *serving_call_from(struct serving *s, SSL_CTX *client, const char *address);

/* What it says first, before its ClientHello; called before its first turn. */
void caller_says(struct caller *c, const void *bytes, size_t len);

/* Turns, all clients included, until over(s) says so. */
void serving_until(struct serving *s, int (*over)(struct serving *s));

/* Turns a few times, so that what can go on goes on. */
void serving_go_on(struct serving *s);

/* Turns until so many connections are established and so many have failed; then a bit longer: never more. */
void serving_expect(struct serving *s, unsigned established, unsigned failed);

/* Turns until so many were sent away. */
void serving_until_evicted(struct serving *s, unsigned count);

/* Turns until that client sees the end of its connection. */
void serving_until_closed(struct serving *s, struct caller *c);

/* 1 when a reset came, even one behind the proper end, which would have undone a segment lost before it. */
int caller_was_reset(const struct caller *c);

void caller_hang_up(struct caller *c);
void caller_reset(struct caller *c);

/* The connection that this client has at the server's side; the test fails without. */
struct accepted *serving_find(struct serving *s, const struct caller *c);

/* Proves the connection: what one side says with its keys the other side understands. */
void serving_talk(struct serving *s, struct caller *c);

/* Takes one record from the socket of an accepted connection. Fails unless it says text. */
void accepted_hears(struct accepted *a, const char *text);

#endif
