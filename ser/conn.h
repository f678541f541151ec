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
#include "ser/host.h"

struct conn {
	int refcnt;
	int id;        /* the core's id of the connection */
	int sent_last; /* an alert that ends our side was sent */
	struct ktls_stream stream;
	struct snapshot snapshot; /* the last member: it has a tail */
};

/*
 * A record with one reference, its snapshot and stream filled from a finished handshake. Returns 0 and sets
 * *out; -ENOSPC when shared memory is used up. The keys stay the caller's to wipe.
 */
int conn_new(struct conn **out, SSL *ssl, enum ktls_home home, const struct ktls_session_keys *keys,
	int can_rekey, const struct snapshot_cert *own);

/* Drops a reference. The last one frees the record. */
void conn_put(struct conn *conn);

/* Wipes the keys, then drops the core's reference: the connection is over. */
void conn_close(struct conn *conn);

/* Says that this process now works for conn: selects of its messages are answered without any lock. */
void conn_make_current(struct conn *conn);

/*
 * The record of the connection that a message came over, with a reference for the caller (conn_put()), or
 * NULL when it was no TLS connection or is gone. Takes the core's connection lock only when this process is
 * not the one that reads the connection.
 */
struct conn *conn_of_message(const struct host_sip_msg *msg);

#endif
