/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/conn.h"

#include "ser/shared/services.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static void note(struct conn *conn, const struct conn_made *made)
{
	const struct message_established *m = made->message;

	conn->why = m->why;
	conn->why_error = m->why_error;
	conn->engine = (uint8_t)made->engine;
	conn->domain = made->domain ? domain_get(made->domain) : NULL;
	ktls_stream_init(&conn->stream, m->snapshot.home, &m->keys, m->can_rekey);
}

static void copy_facts(struct snapshot *to, const struct conn_made *made)
{
	memcpy(to, &made->message->snapshot, made->message->snapshot.size);
	to->own = made->domain ? domain_own(made->domain) : NULL;
}

static struct conn *new_inbound(const struct snapshot *facts, const union uring_address *remote)
{
	struct conn *conn = services.memory.alloc(offsetof(struct conn, snapshot) + facts->size);

	if (!conn)
		return NULL;
	memset(conn, 0, offsetof(struct conn, snapshot));
	memcpy(&conn->snapshot, facts, facts->size);
	conn->refcnt = 1;
	conn->facts = &conn->snapshot;
	conn->serial = scoreboard_next_serial();
	send_queue_init(&conn->queue);
	conn->since = (uint32_t)time(NULL);
	conn->source = scoreboard_source_of(remote);
	scoreboard_source_enter(&conn->source);
	scoreboard_count_connections(1);
	return conn;
}

struct conn *conn_new(const struct conn_made *made)
{
	struct conn *conn = new_inbound(&made->message->snapshot, &made->message->remote);

	if (!conn)
		return NULL;
	note(conn, made);
	conn->snapshot.own = made->domain ? domain_own(made->domain) : NULL;
	return conn;
}

struct conn *conn_new_outbound(size_t names)
{
	struct conn *conn = services.memory.alloc(sizeof(*conn));
	struct outbound *out = conn ? services.memory.alloc(sizeof(*out) + names) : NULL;

	if (!out) {
		if (conn)
			services.memory.release(conn);
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

int conn_complete(struct conn *conn, const struct conn_made *made)
{
	struct snapshot *facts = services.memory.alloc(made->message->snapshot.size);

	if (!facts)
		return -ENOMEM;
	copy_facts(facts, made);
	note(conn, made);
	__atomic_store_n(&conn->facts, facts, __ATOMIC_RELEASE);
	return 0;
}

static struct conn *new_outbound_again(const struct kept *kept)
{
	size_t id = strlen(kept->server_id) + 1, name = strlen(kept->server_name) + 1;
	struct conn *conn = conn_new_outbound(id + name);
	struct snapshot *facts = conn ? services.memory.alloc(kept->snapshot->size) : NULL;
	struct outbound *out;

	if (!facts) {
		if (conn)
			conn_close(conn);
		return NULL;
	}
	memcpy(facts, kept->snapshot, kept->snapshot->size);
	conn->facts = facts;
	out = conn->outbound;
	out->remote = kept->remote;
	out->local = kept->local;
	out->server_id = memcpy(out->names, kept->server_id, id);
	out->server_name = memcpy(out->names + id, kept->server_name, name);
	out->text.busy = 0;
	out->phase = OUTBOUND_ESTABLISHED;
	return conn;
}

struct conn *conn_new_again(const struct kept *kept, struct domain *domain, int *rc)
{
	struct conn *conn =
		kept->outbound ? new_outbound_again(kept) : new_inbound(kept->snapshot, &kept->remote);

	*rc = -ENOMEM;
	if (!conn)
		return NULL;
	*rc = ktls_stream_restore(&conn->stream, kept->stream, kept->stream_len, &services.memory);
	if (*rc) {
		conn_close(conn);
		return NULL;
	}
	conn->why = kept->why;
	conn->why_error = kept->why_error;
	conn->since = kept->since;
	conn->domain = domain ? domain_get(domain) : NULL;
	((struct snapshot *)conn->facts)->own = domain ? domain_own(domain) : NULL;
	return conn;
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
		services.memory.release(conn->outbound);
		if (conn->facts)
			services.memory.release((void *)conn->facts);
	}
	services.memory.release(conn);
}

void conn_close(struct conn *conn)
{
	scoreboard_count_connections(-1);
	if (!conn->outbound)
		scoreboard_source_leave(&conn->source);
	ktls_stream_wipe(&conn->stream, &services.memory);
	conn_put(conn);
}

int conn_is_established(const struct conn *conn)
{
	return !conn->outbound ||
	       __atomic_load_n(&conn->outbound->phase, __ATOMIC_ACQUIRE) == OUTBOUND_ESTABLISHED;
}
