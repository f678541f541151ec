/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/host/connections.h"

#include "ser/host/services.h"
#include "ser/shared/counters.h"

/* The connection that this process read last; a reader process works on one at a time. */
static struct conn *current;

struct host_tcp_connection *host_find_connection(int id)
{
	struct host_tcp_connection *c;

	for (c = tcpconn_id_hash[(unsigned)id & (HOST_ID_HASH_SIZE - 1)]; c && c->id != id; c = c->id_next)
		;
	return c;
}

int host_knows_connection(int id)
{
	int known;

	host_lock(tcpconn_lock);
	known = host_find_connection(id) != NULL;
	host_unlock(tcpconn_lock);
	return known;
}

int host_has_connection(struct host_tcp_connection *c)
{
	struct host_receive_info *r = &c->rcv;

#if FACT_TCPCONN_EXISTS_PARAMETERS == 5
	return tcpconn_exists(0, &r->src_ip, r->src_port, &r->dst_ip, r->dst_port);
#else
	return tcpconn_exists(0, &r->src_ip, r->src_port, &r->dst_ip, r->dst_port, HOST_PROTO_TLS);
#endif
}

static int is_tls(int type)
{
	return type == HOST_PROTO_TLS || type == HOST_PROTO_WSS;
}

int host_is_tls(const struct host_tcp_connection *c)
{
	return is_tls(c->type) && c->extra_data;
}

void host_work_for(struct conn *conn)
{
	if (current == conn)
		return;
	if (current)
		conn_put(current);
	current = conn_get(conn);
}

struct conn *host_conn_of_message(const struct host_sip_msg *msg)
{
	int id = msg->rcv.proto_reserved1;
	struct host_tcp_connection *c;
	struct conn *found = NULL;

	if (!is_tls(msg->rcv.proto))
		return NULL;
	if (current && current->id == id)
		return conn_get(current);
	counters_add(COUNTER_LOOKUPS);
	host_lock(tcpconn_lock);
	c = host_find_connection(id);
	if (c && host_is_tls(c))
		found = conn_get(c->extra_data);
	host_unlock(tcpconn_lock);
	return found;
}
