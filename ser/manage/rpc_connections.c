/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/manage/rpc_connections.h"

#include "ser/host/connections.h"
#include "ser/host/services.h"
#include "ser/manage/rpc_about.h"
#include "ser/manage/rpc_entries.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
	FLAG_HANDSHAKED = 2, /* the stock module's value */
	/* Of more only what the stock module tells, and of the suite the name: kamcmd takes 128 KB. */
	IN_FULL = 200,
};

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
		return ktls_kernel_refusal(conn->why_error);
	}
}

static void add(struct host_rpc *rpc, void *ctx, const struct rpc_entry *e, int in_full)
{
	const struct conn *conn = e->conn;
	const struct snapshot *s = rpc_facts(conn);
	const char *data = (const char *)s->data;
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN], cipher[RPC_CIPHER_TEXT], since[32];
	int is_established = conn_is_established(conn);
	time_t t = (time_t)conn->since;
	struct tm tm;
	void *handle;

	if (rpc->add(ctx, "{", &handle) < 0)
		return;
	rpc_cipher(conn, cipher);
	if (!in_full)
		cipher[strcspn(cipher, " ")] = '\0';
	strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	rpc->struct_add(handle, "dsdsdsd", "id", e->id, "src_ip", rpc_ip(&e->src_ip, source), "src_port",
		(int)e->src_port, "dst_ip", rpc_ip(&e->dst_ip, destination), "dst_port", (int)e->dst_port,
		"cipher", cipher, "timeout", e->timeout);
	rpc->struct_add(handle, "ddds", "ct_wq_size",
		(int)(conn->queue.len + (conn->outbound ? conn->outbound->text.len : 0)), "enc_rd_buf",
		conn->stream.stash ? 1 : 0, "flags", is_established ? FLAG_HANDSHAKED : 0, "state",
		is_established ? "established" : "connecting");
	if (!in_full)
		return;
	rpc->struct_add(handle, "sss", "timestamp", since, "sni", s->server_name ? data + s->server_name : "",
		"dom", conn->domain ? domain_name(conn->domain) : "");
	rpc->struct_add(handle, "sssddds", "offload_tx", rpc_home(conn, KTLS_NIC_TX), "offload_rx",
		rpc_home(conn, KTLS_NIC_RX), "offload_why", is_established ? why(conn) : "", "handshake_ms",
		(int)s->handshake_ms, "resumed", (int)s->resumed, "engine", (int)conn->engine, "proto",
		rpc_proto(e));
}

void rpc_list(struct host_rpc *rpc, void *ctx)
{
	struct rpc_filter filter;
	struct rpc_entry *entries;
	unsigned n = 0, most;

	if (!rpc_is_on(rpc, ctx) || rpc_filter_read(rpc, ctx, &filter))
		return;
	if (filter.by == RPC_AFTER && !filter.most)
		return;
	entries = rpc_take(rpc, ctx, &filter, &n);
	if (!entries)
		return;
	most = filter.by == RPC_AFTER && filter.most < n ? filter.most : n;
	for (unsigned i = 0; i < most; i++)
		add(rpc, ctx, &entries[i], most <= IN_FULL);
	rpc_give_back(entries, n);
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
