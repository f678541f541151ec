/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/manage/rpc_entries.h"

#include "ser/host/connections.h"
#include "ser/host/services.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MORE = 64, /* connections that may arrive in a part of the core's table since it was counted */
};

struct entries {
	struct rpc_entry *list;
	unsigned count, room;
};

/* The core's lock is held for a part of its table only: with very many connections all of it takes long. */
static unsigned count(int part)
{
	const struct host_tcp_connection *c;
	unsigned n = 0;

	host_lock(tcpconn_lock);
	for (c = tcpconn_id_hash[part]; c; c = c->id_next)
		n++;
	host_unlock(tcpconn_lock);
	return n;
}

static int make_room(struct entries *e, unsigned more)
{
	unsigned room = e->room * 2 > e->count + more ? e->room * 2 : e->count + more;
	struct rpc_entry *list;

	if (e->count + more <= e->room)
		return 0;
	list = realloc(e->list, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	e->list = list;
	e->room = room;
	return 0;
}

static void copy(struct entries *e, const struct rpc_filter *f, int part)
{
	struct host_tcp_connection *c;

	host_lock(tcpconn_lock);
	for (c = tcpconn_id_hash[part]; c && e->count < e->room; c = c->id_next) {
		if (!host_is_tls(c) || !rpc_filter_takes(f, c))
			continue;
		e->list[e->count++] = (struct rpc_entry){.conn = conn_get(c->extra_data),
			.src_ip = c->rcv.src_ip,
			.dst_ip = c->rcv.dst_ip,
			.src_port = c->rcv.src_port,
			.dst_port = c->rcv.dst_port,
			.id = c->id,
			.timeout = (int)(c->timeout - get_ticks_raw()) / HOST_TICKS_PER_SECOND,
			.is_wss = c->type == HOST_PROTO_WSS};
	}
	host_unlock(tcpconn_lock);
}

static int by_id(const void *a, const void *b)
{
	int left = ((const struct rpc_entry *)a)->id, right = ((const struct rpc_entry *)b)->id;

	return (left > right) - (left < right);
}

/* Of a page no more is kept than twice its size: else each would refer to all of a long list, and sort it. */
static void keep_first(struct entries *e, struct rpc_filter *f)
{
	qsort(e->list, e->count, sizeof(*e->list), by_id);
	while (e->count > f->most)
		conn_put(e->list[--e->count].conn);
	f->last = e->list[e->count - 1].id;
}

struct rpc_entry *rpc_take(struct host_rpc *rpc, void *ctx, const struct rpc_filter *asked, unsigned *found)
{
	struct rpc_filter f = *asked;
	struct entries all = {0};

	for (int part = 0; part < HOST_ID_HASH_SIZE; part++) {
		if (make_room(&all, count(part) + MORE)) {
			rpc_give_back(all.list, all.count);
			rpc->fault(ctx, 500, "memory is used up");
			return NULL;
		}
		copy(&all, &f, part);
		if (f.by == RPC_AFTER && all.count >= 2 * f.most)
			keep_first(&all, &f);
	}
	*found = all.count;
	qsort(all.list, all.count, sizeof(*all.list), by_id);
	return all.list;
}

void rpc_give_back(struct rpc_entry *entries, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		conn_put(entries[i].conn);
	free(entries);
}

const char *rpc_ip(const struct host_ip *ip, char text[INET6_ADDRSTRLEN])
{
	text[0] = '\0';
	inet_ntop((int)ip->af, ip->u, text, INET6_ADDRSTRLEN);
	return text;
}

const struct snapshot *rpc_facts(const struct conn *conn)
{
	static const union {
		struct snapshot snapshot;
		char bytes[sizeof(struct snapshot) + 1];
	} nothing;

	return conn_is_established(conn) ? conn->facts : &nothing.snapshot;
}

const char *rpc_home(const struct conn *conn, unsigned directions)
{
	const struct snapshot *s = rpc_facts(conn);

	return s->home != KTLS_HOME_KERNEL ? "user" : s->nic & directions ? "nic" : "kernel";
}

const char *rpc_proto(const struct rpc_entry *e)
{
	return e->is_wss ? "wss" : "tls";
}

/* The first line of the suite's description. */
void rpc_cipher(const struct conn *conn, char text[RPC_CIPHER_TEXT])
{
	const struct snapshot *s = rpc_facts(conn);
	const char *description = (const char *)s->data + s->description;

	snprintf(text, RPC_CIPHER_TEXT, "%.*s", (int)strcspn(description, "\n"), description);
}
