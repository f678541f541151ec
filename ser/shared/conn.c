/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/conn.h"

#include "ser/outbound/outbound.h"
#include "ser/shared/counters.h"
#include "ser/shared/shared.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* The connection whose bytes this process read last; a reader process holds one at a time. */
static struct conn *current;

size_t conn_size(SSL *ssl, const struct snapshot_about *about)
{
	return offsetof(struct conn, snapshot) + snapshot_size(ssl, about);
}

int conn_fill(struct conn *conn, size_t size, SSL *ssl, const struct ktls_session_keys *keys, int can_rekey,
	const struct snapshot_about *about)
{
	memset(conn, 0, offsetof(struct conn, snapshot));
	ktls_stream_init(&conn->stream, about->home, keys, can_rekey);
	return snapshot_take(&conn->snapshot, size - offsetof(struct conn, snapshot), ssl, about);
}

struct conn *conn_adopt(const struct conn *filled, size_t size)
{
	struct conn *conn = shared_memory.alloc(size);

	if (!conn)
		return NULL;
	memcpy(conn, filled, size);
	conn->refcnt = 1;
	conn->facts = &conn->snapshot;
	conn->outbound = NULL;
	conn->serial = scoreboard_next_serial();
	send_queue_init(&conn->queue);
	conn->since = (uint32_t)time(NULL);
	domain_get(conn->domain);
	scoreboard_source_enter(&conn->source);
	return conn;
}

struct conn *conn_new_outbound(size_t names)
{
	struct conn *conn = shared_memory.alloc(sizeof(*conn));
	struct outbound *out = conn ? shared_memory.alloc(sizeof(*out) + names) : NULL;

	if (!out) {
		if (conn)
			shared_memory.release(conn);
		return NULL;
	}
	memset(conn, 0, sizeof(*conn));
	memset(out, 0, sizeof(*out));
	send_queue_init(&out->text);
	out->text.busy = 1;
	conn->refcnt = 1;
	conn->outbound = out;
	conn->serial = scoreboard_next_serial();
	conn->since = (uint32_t)time(NULL);
	send_queue_init(&conn->queue);
	scoreboard_count_connections(1);
	return conn;
}

int conn_complete(struct conn *conn, const struct conn *filled, size_t size)
{
	size_t facts_size = size - offsetof(struct conn, snapshot);
	struct snapshot *facts = shared_memory.alloc(facts_size);

	if (!facts)
		return -ENOMEM;
	memcpy(facts, &filled->snapshot, facts_size);
	conn->why = filled->why;
	conn->why_error = filled->why_error;
	conn->engine = filled->engine;
	conn->domain = domain_get(filled->domain);
	conn->stream = filled->stream;
	__atomic_store_n(&conn->facts, facts, __ATOMIC_RELEASE);
	return 0;
}

struct conn *conn_get(struct conn *conn)
{
	__atomic_add_fetch(&conn->refcnt, 1, __ATOMIC_RELAXED);
	return conn;
}

void conn_put(struct conn *conn)
{
	if (__atomic_sub_fetch(&conn->refcnt, 1, __ATOMIC_ACQ_REL))
		return;
	send_queue_free(&conn->queue);
	domain_put(conn->domain);
	if (conn->outbound) {
		send_queue_free(&conn->outbound->text);
		shared_memory.release(conn->outbound);
		if (conn->facts)
			shared_memory.release((void *)conn->facts);
	}
	shared_memory.release(conn);
}

void conn_close(struct conn *conn)
{
	scoreboard_count_connections(-1);
	if (conn->outbound)
		outbound_closed(conn);
	else
		scoreboard_source_leave(&conn->source);
	ktls_stream_wipe(&conn->stream, &shared_memory);
	conn_put(conn);
}

void conn_make_current(struct conn *conn)
{
	if (current == conn)
		return;
	if (current)
		conn_put(current);
	current = conn_get(conn);
}

static int is_tls(int type)
{
	return type == HOST_PROTO_TLS || type == HOST_PROTO_WSS;
}

struct conn *conn_of_message(const struct host_sip_msg *msg)
{
	int id = msg->rcv.proto_reserved1;
	struct host_tcp_connection *c;
	struct conn *found = NULL;

	if (!is_tls(msg->rcv.proto))
		return NULL;
	if (current && current->id == id)
		return conn_get(current);
	counters_add(COUNTER_LOOKUPS);
	shared_lock(tcpconn_lock);
	for (c = tcpconn_id_hash[(unsigned)id & (HOST_ID_HASH_SIZE - 1)]; c && c->id != id; c = c->id_next)
		;
	if (c && is_tls(c->type) && c->extra_data)
		found = conn_get(c->extra_data);
	shared_unlock(tcpconn_lock);
	return found;
}
