/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The module's record of a TLS connection. It lies in shared memory, the core's extra_data points to it, and
 * it has the stream with its keys and the snapshot that selects read.
 *
 * The core's connection holds one reference. A process that answers selects holds another, so the snapshot
 * stays if the connection closes meanwhile.
 *
 * A connection that SER opens has its record before its handshake. The record has an outbound part, and no
 * facts until the handshake is done.
 */
#ifndef SER_SHARED_CONN_H
#define SER_SHARED_CONN_H

#include "ktls/stream.h"
#include "select/snapshot.h"
#include "ser/shared/domain.h"
#include "ser/shared/kept.h"
#include "ser/shared/messages.h"
#include "ser/shared/scoreboard.h"
#include "ser/shared/send_queue.h"

enum outbound_phase {
	OUTBOUND_OPENING, /* the engine connects and does the handshake */
	OUTBOUND_READY,   /* keys and facts are in the record; a reader gets the socket next */
	OUTBOUND_ESTABLISHED,
	OUTBOUND_FAILED,
};

/* The part of a connection that SER opens (ser/outbound/outbound.h). */
struct outbound {
	int lock;        /* ser/shared/lock.h: protects closed, and the change from OPENING */
	uint8_t phase;   /* enum outbound_phase */
	uint8_t closed;  /* the core closes it, or has */
	uint8_t handed;  /* the socket is with a supervisor */
	uint8_t fresh;   /* its opener has not sent its first message yet */
	uint8_t close;   /* close it after the text */
	uint8_t tickets; /* messages with session tickets that the reader has passed on */
	uint8_t spare;   /* another one with its identity was there first, so it ends unused */
	int opener;      /* the host's number of the process */
	uint32_t order;  /* number of its struct message_order */
	union uring_address remote, local;
	struct send_queue text;    /* busy until the connection is established; broken when it failed */
	struct conn *next, **link; /* ser/outbound/identity.h */
	const char *server_id, *server_name; /* in names; empty: the script chose nothing */
	char names[];
};

struct conn {
	int refcnt;
	int id;                /* the core's id of the connection */
	int sent_last;         /* we sent an alert that ends our side */
	uint8_t why;           /* enum home_why */
	uint8_t engine;        /* number of the engine that did the handshake */
	int16_t why_error;     /* negative errno, or 0 */
	uint32_t since;        /* seconds since 1970 */
	uint32_t serial;       /* unique among all records */
	struct domain *domain; /* a reference */
	struct scoreboard_source source;
	struct ktls_stream stream;
	struct send_queue queue;      /* used with tcp_async=no, or with an outbound part */
	struct outbound *outbound;    /* NULL: the peer opened it */
	const struct snapshot *facts; /* NULL until an outbound connection's handshake is done */
	struct snapshot snapshot;     /* must be last, because it has a tail; not used if outbound */
};

/*
 * A handshake that an engine has done, from which a record is made. engine is the engine's number; the record
 * takes a reference to domain, which may be NULL.
 */
struct conn_made {
	const struct message_established *message; /* checked */
	struct domain *domain;
	unsigned engine;
};

/*
 * Makes the record of a connection that a peer opened, in shared memory, with one reference, and counts it,
 * also for its source address. Returns NULL if shared memory is used up.
 */
struct conn *conn_new(const struct conn_made *made);

/*
 * Makes an empty record with an outbound part in shared memory, with one reference. names is the size of its
 * last member. Returns NULL if shared memory is used up.
 */
struct conn *conn_new_outbound(size_t names);

/*
 * Puts the result of the handshake into an outbound record, which nobody may read yet; facts is set last.
 * Returns 0, or -ENOMEM if shared memory is used up.
 */
int conn_complete(struct conn *conn, const struct conn_made *made);

/*
 * Makes the record of a connection that a SER before had, and counts it. For one that SER opened it has an
 * outbound part, which is not listed yet (ser/outbound/identity.h). Takes a reference to domain, which may be
 * NULL. Returns NULL with a negative errno in *rc: -ENOMEM, or what ktls_stream_restore() returns.
 */
struct conn *conn_new_again(const struct kept *kept, struct domain *domain, int *rc);

/* Takes another reference. */
struct conn *conn_get(struct conn *conn);

/* Drops a reference. Dropping the last one frees the record and its send queue. */
void conn_put(struct conn *conn);

/* The connection is over: it is no longer counted, its keys are wiped and the core's reference is dropped. */
void conn_close(struct conn *conn);

/* 1 if the record's stream may be used; always 1 for an accepted connection. */
int conn_is_established(const struct conn *conn);

#endif
