/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the module keeps for each TLS connection, in shared memory behind the core's extra_data: the stream
 * with its keys, and the snapshot that selects read.
 *
 * The core's connection holds one reference; a process that answers selects holds another, so that a snapshot
 * outlives a connection that closes meanwhile.
 *
 * A connection that SER opens has its record before its handshake, with an outbound part
 * (ser/outbound/outbound.h) and, until the handshake is done, without facts.
 */
#ifndef SER_SHARED_CONN_H
#define SER_SHARED_CONN_H

#include "ktls/stream.h"
#include "select/snapshot.h"
#include "ser/host/layout.h"
#include "ser/shared/domain.h"
#include "ser/shared/scoreboard.h"
#include "ser/shared/send_queue.h"

/* Why the records of a connection live where they do. */
enum conn_why {
	CONN_WHY_KERNEL,    /* it took the keys */
	CONN_WHY_OFF,       /* ktls is 0 for the domain */
	CONN_WHY_NOT_TAKEN, /* this kernel does not take the suite, version or direction */
	CONN_WHY_NO_REKEY,  /* ktls_rekey_required, and this kernel cannot change keys */
	CONN_WHY_REFUSED,   /* it takes such keys, but refused these */
	CONN_WHY_NO_AEAD,   /* the suite's keys cannot leave OpenSSL */
};

struct outbound;

struct conn {
	int refcnt;
	int id;                /* the core's id of the connection */
	int sent_last;         /* an alert that ends our side was sent */
	uint8_t why;           /* enum conn_why */
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

/*
 * Fills a record from a finished handshake; conn has room for conn_size() bytes. The keys stay the caller's
 * to wipe, about->own must outlive the record. Returns 0 or -ENOSPC.
 */
size_t conn_size(SSL *ssl, const struct snapshot_about *about);
int conn_fill(struct conn *conn, size_t size, SSL *ssl, const struct ktls_session_keys *keys, int can_rekey,
	const struct snapshot_about *about);

/*
 * A copy of a filled record in shared memory, with one reference, counted for its source address. Returns
 * NULL when shared memory is used up.
 */
struct conn *conn_adopt(const struct conn *filled, size_t size);

/*
 * An empty record with an outbound part, in shared memory, with one reference. Returns NULL when that is used
 * up. names: bytes of its last member.
 */
struct conn *conn_new_outbound(size_t names);

/*
 * Puts what a filled record says into an outbound one, which must not be read yet: facts is set last. Returns
 * 0, or -ENOMEM when shared memory is used up.
 */
int conn_complete(struct conn *conn, const struct conn *filled, size_t size);

/* Another reference. */
struct conn *conn_get(struct conn *conn);

/* Drops a reference. The last one frees the record and what waits to be sent. */
void conn_put(struct conn *conn);

/* The connection is over: it no longer counts, its keys are wiped and the core's reference is dropped. */
void conn_close(struct conn *conn);

/* Says that this process now works for conn: selects of its messages are answered without any lock. */
void conn_make_current(struct conn *conn);

/*
 * The record of the connection that a message came over, with a reference for the caller (conn_put()), or
 * NULL when it was no TLS connection (a WebSocket may lie in one) or is gone. Takes the core's connection
 * lock only when this process is not the one that reads the connection.
 */
struct conn *conn_of_message(const struct host_sip_msg *msg);

#endif
