/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/host/check_connections.h"

#include "ser/host/layout.h"
#include "ser/shared/services.h"

#include <arpa/inet.h>
#include <string.h>

enum {
	SOCKET = 12345, /* not a descriptor; nothing uses it */
	PORT = 10001,   /* a further address of a connection */
	ADDRESSES = 3,  /* at most, for one port */
};

const char check_no_memory[] = "shared memory is used up: raise it with kamailio -m";

static const union host_sockaddr *remote(void)
{
	static union host_sockaddr address = {.sin = {.sin_family = AF_INET}};

	address.sin.sin_port = htons(10000);
	inet_pton(AF_INET, "192.0.2.1", &address.sin.sin_addr);
	return &address;
}

static const union host_sockaddr *local(void)
{
	static union host_sockaddr address = {.sin = {.sin_family = AF_INET}};

	address.sin.sin_port = htons(5061);
	inet_pton(AF_INET, "192.0.2.2", &address.sin.sin_addr);
	return &address;
}

/* Says what differs in a connection that make() gave, whatever its protocol. */
static const char *differs(const struct host_tcp_connection *c)
{
	if (c->s != SOCKET || c->fd != -1)
		return "its descriptors";
	if (memcmp(&c->rcv.src_su, remote(), sizeof(remote()->sin)))
		return "the peer's socket address";
	if (c->rcv.src_ip.af != AF_INET || c->rcv.src_ip.len != 4 ||
		memcmp(c->rcv.src_ip.u, &remote()->sin.sin_addr, 4) ||
		c->rcv.src_port != ntohs(remote()->sin.sin_port))
		return "the peer's address";
	if (memcmp(c->rcv.dst_ip.u, &local()->sin.sin_addr, 4) ||
		c->rcv.dst_port != ntohs(local()->sin.sin_port))
		return "the local address";
	if (c->rcv.bind_address != tls_listen)
		return "the listener";
	if (c->req.buf != (const char *)(c + 1) || c->req.pos != c->req.buf || c->req.start != c->req.buf)
		return "the read buffer";
	if (c->req.b_size != (unsigned)tcp_cfg->rd_buf_size - 1)
		return "the size of the read buffer";
	if (c->timer.data != c)
		return "the timer";
#ifdef FACT_AT_host_tcp_connection_initstate
	if (c->initstate != HOST_CONN_CONNECT)
		return "the first state";
#endif
	if (c->state != HOST_CONN_CONNECT || c->refcnt || c->extra_data || c->flags || c->write_lock ||
		c->wbuf_first)
		return "state, flags or locks";
	return NULL;
}

static const char *tls_differs(const struct host_tcp_connection *c, int id)
{
	if (c->type != HOST_PROTO_TLS || c->rcv.proto != HOST_PROTO_TLS)
		return "the protocol";
	return c->id == id ? differs(c) : "the connection's id";
}

/* How long a connection without TLS lives is the core's to say. */
static const char *tcp_differs(const struct host_tcp_connection *c, unsigned before)
{
	if (c->type != HOST_PROTO_TCP || c->rcv.proto != HOST_PROTO_TCP)
		return "the protocol";
	if (c->lifetime != tcp_cfg->con_lifetime)
		return "the lifetime";
	if (c->timeout - c->lifetime - before > get_ticks_raw() - before)
		return "the timeout";
	return differs(c);
}

/* The core's tcpconn_exists(), with the parameter that older ones do not have and so do not see. */
int exists(int id, const struct host_ip *peer, int peer_port, const struct host_ip *local, int local_port,
	int proto) __asm__("tcpconn_exists");

static int has_id(int id)
{
	return exists(id, NULL, 0, NULL, 0, 0);
}

static int has_address(const struct host_tcp_connection *c, int proto)
{
	return exists(0, &c->rcv.src_ip, PORT, &c->rcv.dst_ip, c->rcv.dst_port, proto);
}

/* Both are in the first row, which is the right one if an id is a multiple of the number of rows. */
static const char *rows_differ(struct host_tcp_connection *first, struct host_tcp_connection *second)
{
	first->id = HOST_ID_HASH_SIZE;
	second->id = HOST_ID_HASH_SIZE / 2;
	if (!has_id(first->id) || has_id(second->id))
		return "the table of connections";
	second->id = HOST_ID_HASH_SIZE * 2;
	if (!has_id(second->id))
		return "the next connection";
	second->state = HOST_CONN_BAD;
	return has_id(second->id) ? "the state of a broken connection" : NULL;
}

static const char *addresses_differ(const struct host_tcp_connection *c)
{
	for (int i = 0; i < c->aliases_count; i++)
		if (c->aliases[i].parent != c || c->aliases[i].port != PORT)
			return "a connection's addresses";
	if (!has_address(c, HOST_PROTO_TLS))
		return "finding a connection by its addresses";
	if (has_address(c, HOST_PROTO_TCP) != (FACT_TCPCONN_EXISTS_PARAMETERS == 5))
		return "the number of tcpconn_exists()'s parameters";
	return NULL;
}

/* The core puts each at the head of its row. */
static const char *take_addresses_away(struct host_tcp_connection *c)
{
	for (int i = c->aliases_count - 1; i >= 0; i--) {
		struct host_alias *a = &c->aliases[i];

		if (tcpconn_aliases_hash[a->hash] != a)
			return "the table of addresses";
		tcpconn_aliases_hash[a->hash] = a->next;
		if (a->next)
			a->next->prev = NULL;
	}
	c->aliases_count = 0;
	return NULL;
}

static const char *finding_differs(struct host_tcp_connection *c)
{
	const char *what;

	if (tcpconn_add_alias(c->id, PORT, HOST_PROTO_TLS) || c->aliases_count < 1 ||
		c->aliases_count > ADDRESSES)
		return "the number of a connection's addresses";
	what = addresses_differ(c);
	return what ? what : take_addresses_away(c);
}

/* A server whose tables cannot be left as they were does not start. */
static const char *tables_differ(struct host_tcp_connection *first, struct host_tcp_connection *second)
{
	struct host_tcp_connection *head = tcpconn_id_hash[0];
	const char *what;

	first->id_next = second;
	second->id_next = head;
	tcpconn_id_hash[0] = first;
	what = rows_differ(first, second);
	if (!what)
		what = finding_differs(first);
	tcpconn_id_hash[0] = head;
	return what;
}

static struct host_tcp_connection *make(int proto)
{
	union host_sockaddr from = *remote(), to = *local();

	return tcpconn_new(SOCKET, &from, &to, tls_listen, proto, HOST_CONN_CONNECT);
}

static const char *check_two(struct host_tcp_connection *first, struct host_tcp_connection *second)
{
	const char *what = tls_differs(first, first->id);

	if (!what)
		what = tls_differs(second, first->id + 1);
	return what ? what : tables_differ(first, second);
}

static const char *check_tls(void)
{
	struct host_tcp_connection *first = make(HOST_PROTO_TLS), *second = make(HOST_PROTO_TLS);
	const char *what = first && second ? check_two(first, second) : check_no_memory;

	if (what)
		return what;
	services.memory.release(second);
	services.memory.release(first);
	return NULL;
}

static const char *check_tcp(void)
{
	unsigned before = get_ticks_raw();
	struct host_tcp_connection *c = make(HOST_PROTO_TCP);
	const char *what = c ? tcp_differs(c, before) : check_no_memory;

	if (c)
		services.memory.release(c);
	return what;
}

const char *check_connections(void)
{
	const char *what = check_tls();

	return what ? what : check_tcp();
}
