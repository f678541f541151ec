/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What server.c (listeners, limits, time) and server_conn.c (one connection) share. */
#ifndef URING_SERVER_PRIVATE_H
#define URING_SERVER_PRIVATE_H

#include "uring/deadline.h"
#include "uring/places.h"
#include "uring/proxy_header.h"
#include "uring/server.h"

#include <sys/queue.h>

enum {
	CHUNK = URING_PROXY_HEADER_MAX, /* bytes that are read at once */
};

struct connection {
	struct uring_op op; /* the one operation under way */
	struct uring_deadline deadline;
	struct uring_place place;
	struct uring_server *server;
	struct uring_peer peer;
	struct ktls_handshake *handshake; /* NULL until it is let in */
	int fd;
	int timed_out;
	int is_ready;                  /* its handshake is done: waits for the first byte, */
	struct uring_source *waits_as; /* as one of this host */
	int has_place;                 /* and may be sent away */
	int is_leaving;                /* it was: its operation ends now */
	int makes_way;                 /* and stays gone, whatever it has said meanwhile */
	unsigned like_it;              /* connections of its host at that time */
	int has_spoken;                /* behind its PROXY header */
	int was_full;                  /* the server, when it came: somebody has to make way for it */
	size_t header_len;             /* bytes of an unfinished PROXY header in chunk */
	uint8_t chunk[CHUNK];          /* the last member */
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
	int is_ending;
	union uring_address remote;
	socklen_t remote_len;
};

struct uring_server {
	struct uring_loop *loop;
	struct uring_server_config config;
	struct uring_places *places;
	struct uring_sources *ready_hosts; /* of those that are ready */
	uint64_t last_host;                /* of the connection that came last; */
	int hosts;                         /* 0: none has come yet */
	int64_t mixed;                     /* when one came from another host than the one before; 0: never */
	LIST_HEAD(, listener) listeners;
	unsigned connections;
	unsigned leaving;                 /* of the connections */
	unsigned ready;                   /* of the connections: they wait for the first byte */
	unsigned handshakes;              /* of the connections, without those that leave or are ready */
	unsigned spare;                   /* places that are kept free where somebody can be sent away */
	struct uring_deadlines deadlines; /* of the connections */
	struct uring_deadlines firsts;    /* of those that are ready, in place of the other */
	struct uring_deadlines looks;     /* of the one below */
	struct uring_deadline look;       /* for somebody to send away */
	int paused;
	int in_trouble; /* which was told */
	int is_ending;
};

/* server.c */

/* Puts the connection, whose time begins now, under the server's watch. */
void server_watch(struct connection *c);

/* Its host is the one at this address: from now on it may be sent away. Returns 0 or -ENOMEM. */
int server_seat(struct connection *c, const union uring_address *address);

/* It may not any more. */
void server_unseat(struct connection *c);

/* It has come so far. */
void server_note(struct connection *c, enum uring_stage stage);

/* Sends somebody away as long as too few places are free. */
void server_keep_spare(struct uring_server *s);

/*
 * Sends away one of a crowd that is larger than the newcomer's, also one that has just said something: else a
 * crowd that speaks faster than it is listened to had all places. Returns 0 where nobody can be.
 */
int server_make_way(struct uring_server *s, const union uring_address *newcomer);

/* Its handshake is done: from now on it waits for the first byte. Returns 0 where it does not. */
int server_await_first(struct connection *c);

/* It was sent away, but had said something before it knew. Returns 0, or -ENOMEM where it has to go. */
int server_take_back(struct connection *c);

/* Ends that, and lets listeners that wait for it go on. c may be freed next. */
void server_forget(struct connection *c);

int server_is_full(const struct uring_server *s);

/* Tells of a trouble that lasts until server.c accepts a connection again. */
void server_trouble(struct uring_server *s, int error);

/* Looks in a moment: for somebody to send away, or whether what ends has ended. */
void server_look_soon(struct uring_server *s);

/* server_end.c */

/* Frees a listener that has no operation under way. */
void server_end_listener(struct listener *l);

/* Asks listeners that end once more to do so, and a server that ends. */
void server_go_on_ending(struct uring_server *s);

/* server_conn.c */

/* Begins with a socket that l accepted, and takes it over. Returns 0, or -ENOMEM when it was closed for that.
 */
int connection_start(struct listener *l, int fd);

#endif
