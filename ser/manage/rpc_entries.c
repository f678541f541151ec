/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/manage/rpc_entries.h"

#include "ser/host/connections.h"
#include "ser/host/services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MORE = 64, /* connections that may arrive while we count */
};

static int is_chosen(const struct rpc_filter *f, const struct host_tcp_connection *c)
{
	return host_is_tls(c) && rpc_filter_takes(f, c);
}

static unsigned count(const struct rpc_filter *f)
{
	const struct host_tcp_connection *c;
	unsigned n = 0;

	for (int i = 0; i < HOST_ID_HASH_SIZE; i++)
		for (c = tcpconn_id_hash[i]; c; c = c->id_next)
			n += (unsigned)is_chosen(f, c);
	return n;
}

static unsigned copy(const struct rpc_filter *f, struct rpc_entry *entries, unsigned room)
{
	struct host_tcp_connection *c;
	unsigned n = 0;

	for (int i = 0; i < HOST_ID_HASH_SIZE; i++) {
		for (c = tcpconn_id_hash[i]; c && n < room; c = c->id_next) {
			if (!is_chosen(f, c))
				continue;
			entries[n++] = (struct rpc_entry){.conn = conn_get(c->extra_data),
				.src_ip = c->rcv.src_ip,
				.dst_ip = c->rcv.dst_ip,
				.src_port = c->rcv.src_port,
				.dst_port = c->rcv.dst_port,
				.id = c->id,
				.timeout = (int)(c->timeout - get_ticks_raw()) / HOST_TICKS_PER_SECOND,
				.is_wss = c->type == HOST_PROTO_WSS};
		}
	}
	return n;
}

static int by_id(const void *a, const void *b)
{
	int left = ((const struct rpc_entry *)a)->id, right = ((const struct rpc_entry *)b)->id;

	return (left > right) - (left < right);
}

/* Neither allocating memory nor writing answers needs the core's lock. */
struct rpc_entry *rpc_take(struct host_rpc *rpc, void *ctx, const struct rpc_filter *f, unsigned *found)
{
	struct rpc_entry *entries;
	unsigned room;

	host_lock(tcpconn_lock);
	room = count(f) + MORE;
	host_unlock(tcpconn_lock);
	entries = malloc(room * sizeof(*entries));
	if (!entries) {
		rpc->fault(ctx, 500, "memory is used up");
		return NULL;
	}
	host_lock(tcpconn_lock);
	*found = copy(f, entries, room);
	host_unlock(tcpconn_lock);
	qsort(entries, *found, sizeof(*entries), by_id);
	return entries;
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
