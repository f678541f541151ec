/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/conn.h"

#include "ser/shared.h"

#include <errno.h>

/* The connection whose bytes this process read last; a reader process holds one at a time. */
static struct conn *current;

int conn_new(struct conn **out, SSL *ssl, enum ktls_home home, const struct ktls_session_keys *keys,
	int can_rekey, const struct snapshot_cert *own)
{
	size_t size = snapshot_size(ssl);
	struct conn *conn = shared_memory.alloc(offsetof(struct conn, snapshot) + size);
	int rc;

	if (!conn)
		return -ENOSPC;
	conn->refcnt = 1;
	conn->id = 0;
	conn->sent_last = 0;
	ktls_stream_init(&conn->stream, home, keys, can_rekey);
	rc = snapshot_take(&conn->snapshot, size, ssl, home, own);
	if (rc) {
		conn_close(conn);
		return rc;
	}
	*out = conn;
	return 0;
}

static struct conn *get(struct conn *conn)
{
	__atomic_add_fetch(&conn->refcnt, 1, __ATOMIC_RELAXED);
	return conn;
}

void conn_put(struct conn *conn)
{
	if (!__atomic_sub_fetch(&conn->refcnt, 1, __ATOMIC_ACQ_REL))
		shared_memory.release(conn);
}

void conn_close(struct conn *conn)
{
	ktls_stream_wipe(&conn->stream, &shared_memory);
	conn_put(conn);
}

void conn_make_current(struct conn *conn)
{
	if (current == conn)
		return;
	if (current)
		conn_put(current);
	current = get(conn);
}

struct conn *conn_of_message(const struct host_sip_msg *msg)
{
	int id = msg->rcv.proto_reserved1;
	struct host_tcp_connection *c;
	struct conn *found = NULL;

	if (msg->rcv.proto != HOST_PROTO_TLS)
		return NULL;
	if (current && current->id == id)
		return get(current);
	shared_lock(tcpconn_lock);
	for (c = tcpconn_id_hash[(unsigned)id & (HOST_ID_HASH_SIZE - 1)]; c && c->id != id; c = c->id_next)
		;
	if (c && c->type == HOST_PROTO_TLS && c->extra_data)
		found = get(c->extra_data);
	shared_unlock(tcpconn_lock);
	return found;
}
