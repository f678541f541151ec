/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the module keeps for each TLS connection, in shared memory behind the core's extra_data: the stream
 * with its keys, and the snapshot that selects read.
 *
 * The core's connection holds one reference; a process that answers selects holds another, so that a snapshot
 * outlives a connection that closes meanwhile.
 */
#ifndef SER_CONN_H
#define SER_CONN_H

#include "ktls/stream.h"
#include "select/snapshot.h"
#include "ser/board.h"
#include "ser/host.h"
#include "ser/send_queue.h"

struct conn {
	int refcnt;
	int id;        /* the core's id of the connection */
	int sent_last; /* an alert that ends our side was sent */
	struct board_source source;
	struct ktls_stream stream;
	struct send_queue queue;  /* with tcp_async=no */
	struct snapshot snapshot; /* the last member: it has a tail */
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
