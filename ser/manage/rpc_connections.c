/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/manage/rpc_connections.h"

#include "ser/host/connections.h"
#include "ser/host/services.h"
#include "ser/manage/rpc_about.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	FLAG_HANDSHAKED = 2, /* the stock module's value */
	MORE = 64,           /* connections that may arrive while we count */
};

/* What the core knows about a connection, copied while its lock is held. */
struct listed {
	struct conn *conn; /* a reference */
	struct host_receive_info rcv;
	int id, timeout, is_wss;
};

static unsigned count(void)
{
	const struct host_tcp_connection *c;
	unsigned n = 0;

	for (int i = 0; i < HOST_ID_HASH_SIZE; i++)
		for (c = tcpconn_id_hash[i]; c; c = c->id_next)
			n += (unsigned)host_is_tls(c);
	return n;
}

static unsigned copy(struct listed *entries, unsigned room)
{
	struct host_tcp_connection *c;
	unsigned n = 0;

	for (int i = 0; i < HOST_ID_HASH_SIZE; i++) {
		for (c = tcpconn_id_hash[i]; c && n < room; c = c->id_next) {
			if (!host_is_tls(c))
				continue;
			entries[n++] = (struct listed){.conn = conn_get(c->extra_data),
				.rcv = c->rcv,
				.id = c->id,
				.timeout = (int)(c->timeout - get_ticks_raw()) / HOST_TICKS_PER_SECOND,
				.is_wss = c->type == HOST_PROTO_WSS};
		}
	}
	return n;
}

/* Neither allocating memory nor writing answers needs the core's lock. */
static struct listed *take_all(unsigned *found)
{
	struct listed *entries;
	unsigned room;

	host_lock(tcpconn_lock);
	room = count() + MORE;
	host_unlock(tcpconn_lock);
	entries = malloc(room * sizeof(*entries));
	if (!entries)
		return NULL;
	host_lock(tcpconn_lock);
	*found = copy(entries, room);
	host_unlock(tcpconn_lock);
	return entries;
}

static const char *address(const struct host_ip *ip, char text[INET6_ADDRSTRLEN])
{
	text[0] = '\0';
	inet_ntop((int)ip->af, ip->u, text, INET6_ADDRSTRLEN);
	return text;
}

static const char *why(const struct conn *conn)
{
	switch (conn->why) {
	case HOME_WHY_KERNEL:
		return "the kernel took the keys";
	case HOME_WHY_OFF:
		return "ktls is 0 for this domain";
	case HOME_WHY_NO_REKEY:
		return "ktls_rekey_required, and this kernel cannot change keys";
	case HOME_WHY_FRAGMENTS:
		return "the peer takes short records only, and this kernel cannot limit their length";
	case HOME_WHY_NO_AEAD:
		return "relayed: the suite has no AEAD";
	default:
		return strerror(-conn->why_error);
	}
}

static void add(struct host_rpc *rpc, void *ctx, const struct listed *e)
{
	static const union {
		struct snapshot snapshot;
		char bytes[sizeof(struct snapshot) + 1];
	} nothing;
	const struct conn *conn = e->conn;
	const struct snapshot *s = conn_is_established(conn) ? conn->facts : &nothing.snapshot;
	const char *data = (const char *)s->data, *home = s->home == KTLS_HOME_KERNEL ? "kernel" : "user";
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN], cipher[128], since[32];
	int is_established = conn_is_established(conn);
	time_t t = (time_t)conn->since;
	struct tm tm;
	void *handle;

	if (rpc->add(ctx, "{", &handle) < 0)
		return;
	snprintf(cipher, sizeof(cipher), "%.*s", (int)strcspn(data + s->description, "\n"),
		data + s->description);
	strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	rpc->struct_add(handle, "dssdsdsd", "id", e->id, "timestamp", since, "src_ip",
		address(&e->rcv.src_ip, source), "src_port", (int)e->rcv.src_port, "dst_ip",
		address(&e->rcv.dst_ip, destination), "dst_port", (int)e->rcv.dst_port, "cipher", cipher,
		"timeout", e->timeout);
	rpc->struct_add(handle, "dddsss", "ct_wq_size",
		(int)(conn->queue.len + (conn->outbound ? conn->outbound->text.len : 0)), "enc_rd_buf",
		conn->stream.stash ? 1 : 0, "flags", is_established ? FLAG_HANDSHAKED : 0, "state",
		is_established ? "established" : "connecting", "sni",
		s->server_name ? data + s->server_name : "", "dom",
		conn->domain ? domain_name(conn->domain) : "");
	rpc->struct_add(handle, "sssddds", "offload_tx", home, "offload_rx", home, "offload_why",
		is_established ? why(conn) : "", "handshake_ms", (int)s->handshake_ms, "resumed",
		(int)s->resumed, "engine", (int)conn->engine, "proto", e->is_wss ? "wss" : "tls");
}

void rpc_list(struct host_rpc *rpc, void *ctx)
{
	struct listed *entries;
	unsigned n = 0;

	if (!rpc_is_on(rpc, ctx))
		return;
	entries = take_all(&n);
	if (!entries) {
		rpc->fault(ctx, 500, "memory is used up");
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		add(rpc, ctx, &entries[i]);
		conn_put(entries[i].conn);
	}
	free(entries);
}

/* Has tcp_main close it; tcp_main drops the reference taken here. Returns 0 or a negative errno. */
static int close_connection(int id)
{
	struct host_tcp_connection *c;
	long message[2] = {0, HOST_CONN_CMD_EOF};

	host_lock(tcpconn_lock);
	c = host_find_connection(id);
	if (c && host_is_tls(c)) {
		__atomic_add_fetch(&c->refcnt, 1, __ATOMIC_RELAXED);
		c->state = HOST_CONN_BAD;
		c->timeout = get_ticks_raw();
		message[0] = (long)c;
	}
	host_unlock(tcpconn_lock);
	if (!message[0])
		return -ENOENT;
	if (send_all(unix_tcp_sock, message, sizeof(message)) > 0)
		return 0;
	__atomic_sub_fetch(&c->refcnt, 1, __ATOMIC_RELAXED);
	return -EIO;
}

void rpc_kill(struct host_rpc *rpc, void *ctx)
{
	int id, rc;

	if (!rpc_is_on(rpc, ctx))
		return;
	if (rpc->scan(ctx, "d", &id) < 1) {
		rpc->fault(ctx, 400, "the id of a connection is missing: tls.list has it");
		return;
	}
	rc = close_connection(id);
	if (rc == -ENOENT)
		rpc->fault(ctx, 404, "there is no TLS connection with the id %d", id);
	else if (rc)
		rpc->fault(ctx, 500, "tcp_main does not take the order");
	else
		rpc->add(ctx, "s", "Ok. The connection is closed.");
}
