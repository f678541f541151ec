/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the module keeps for each TLS connection, in shared memory behind the core's extra_data: the stream
 * with its keys, and the snapshot that selects read.
 *
 * The core's connection holds one reference; a process that answers selects holds another, so that a snapshot
 * outlives a connection that closes meanwhile.
 *
 * A connection that SER opens has its record before its handshake, with an outbound part and, until the
 * handshake is done, without facts.
 */
#ifndef SER_SHARED_CONN_H
#define SER_SHARED_CONN_H

#include "ktls/stream.h"
#include "select/snapshot.h"
#include "ser/shared/domain.h"
#include "ser/shared/messages.h"
#include "ser/shared/scoreboard.h"
#include "ser/shared/send_queue.h"

enum outbound_phase {
	OUTBOUND_OPENING, /* the engine connects and shakes hands */
	OUTBOUND_READY,   /* keys and facts are in the record; a reader gets the socket next */
	OUTBOUND_ESTABLISHED,
	OUTBOUND_FAILED,
};

/* The part of a connection that SER opens (ser/outbound/outbound.h). */
struct outbound {
	int lock;       /* ser/shared/lock.h: closed, and the change from OPENING */
	uint8_t phase;  /* enum outbound_phase */
	uint8_t closed; /* the core is done with it */
	uint8_t handed; /* the socket is with a supervisor */
	uint8_t fresh;  /* its opener has not said its first message yet */
	uint8_t close;  /* to be closed behind the text */
	uint8_t spare;  /* another one of its identity was there first: it ends unused */
	int opener;     /* the host's number of the process */
	uint32_t order; /* number of its struct message_order */
	union uring_address remote, local;
	struct send_queue text;    /* busy until the connection is established; broken when it failed */
	struct conn *next, **link; /* ser/outbound/identity.h */
	const char *server_id, *server_name; /* in names; empty where the script chose nothing */
	char names[];
};

struct conn {
	int refcnt;
	int id;                /* the core's id of the connection */
	int sent_last;         /* an alert that ends our side was sent */
	uint8_t why;           /* enum home_why */
	uint8_t engine;        /* number of the one that shook hands */
	int16_t why_error;     /* negative errno, or 0 */
	uint32_t since;        /* seconds since 1970 */
	uint32_t serial;       /* no other record has it: for caches of descriptors */
	struct domain *domain; /* a reference */
	struct scoreboard_source source;
	struct ktls_stream stream;
	struct send_queue queue;      /* with tcp_async=no, or with an outbound part */
	struct outbound *outbound;    /* NULL: the peer opened it */
	const struct snapshot *facts; /* NULL until the handshake of an outbound one is done */
	struct snapshot snapshot;     /* the last member: it has a tail; not in outbound ones */
};

/* What becomes of a handshake that engine number engine has done; domain: NULL, or for a reference. */
struct conn_made {
	const struct message_established *message; /* checked */
	struct domain *domain;
	unsigned engine;
	unsigned page; /* of its process */
};

/*
 * A record of a connection that a peer opened, in shared memory, with one reference; it counts, also for its
 * source address. Returns NULL when shared memory is used up.
 */
struct conn *conn_new(const struct conn_made *made);

/*
 * An empty record with an outbound part, in shared memory, with one reference. Returns NULL when that is used
 * up. names: bytes of its last member.
 */
struct conn *conn_new_outbound(size_t names);

/*
 * Puts what the handshake brought into an outbound record, which must not be read yet: facts is set last.
 * Returns 0, or -ENOMEM when shared memory is used up.
 */
int conn_complete(struct conn *conn, const struct conn_made *made);

/* Another reference. */
struct conn *conn_get(struct conn *conn);

/* Drops a reference. The last one frees the record and what waits to be sent. */
void conn_put(struct conn *conn);

/* The connection is over: it no longer counts, its keys are wiped and the core's reference is dropped. */
void conn_close(struct conn *conn);

/* 1 when the record's stream may be used; of a connection that was accepted always. */
int conn_is_established(const struct conn *conn);

#endif
