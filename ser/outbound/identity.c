/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/outbound/identity.h"

#include "ser/host/services.h"
#include "ser/outbound/opening.h"
#include "ser/shared/lock.h"
#include "ser/shared/log.h"
#include "ser/shared/services.h"
#include "uring/address.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

enum {
	BUCKETS = 1024,
	DEPTH_MAX = 8, /* how often connections to one address may vanish while we look for them */
};

static struct table {
	int lock;
	uint64_t key; /* of the hash: whoever makes SER connect must not choose buckets */
	struct conn *buckets[BUCKETS];
} * table; /* in shared memory */

/* The identity of a message that is being sent elsewhere, because the core asks for its connection again. */
static const struct connect_choice *forced;
static int depth;

int identity_prepare(void)
{
	table = services.memory.alloc(sizeof(*table));
	if (!table)
		return -ENOMEM;
	memset(table, 0, sizeof(*table));
	return getrandom(&table->key, sizeof(table->key), 0) == sizeof(table->key) ? 0 : -ENOMEM;
}

int identity_choose(struct connect_choice *choice)
{
	if (!forced)
		return choice_take(choice);
	*choice = *forced;
	return 0;
}

/* Server names are compared as in DNS, ids as in cfg/lookup.h. */
int identity_is(const struct conn *conn, const struct connect_choice *choice)
{
	return !strcasecmp(conn->outbound->server_id, choice->server_id) &&
	       !strcasecmp(conn->outbound->server_name, choice->server_name);
}

static struct conn **bucket_of(const union uring_address *a)
{
	return &table->buckets[uring_address_hash(a, table->key) % BUCKETS];
}

void identity_remove(struct conn *conn)
{
	struct outbound *out = conn->outbound;

	lock_get(&table->lock);
	if (out->link) {
		*out->link = out->next;
		if (out->next)
			out->next->outbound->link = out->link;
		out->link = NULL;
	}
	lock_release(&table->lock);
}

static struct conn *find_locked(const union uring_address *remote, const struct connect_choice *choice)
{
	struct conn *conn;

	for (conn = *bucket_of(remote); conn; conn = conn->outbound->next)
		if (uring_address_is_same(&conn->outbound->remote, remote) && identity_is(conn, choice) &&
			conn->outbound->phase != OUTBOUND_FAILED)
			break;
	return conn;
}

/* Returns a connection with a reference, or NULL. */
static struct conn *find(const union uring_address *remote, const struct connect_choice *choice)
{
	struct conn *conn;

	lock_get(&table->lock);
	conn = find_locked(remote, choice);
	if (conn)
		conn_get(conn);
	lock_release(&table->lock);
	return conn;
}

static void add_locked(struct conn *conn)
{
	struct conn **head = bucket_of(&conn->outbound->remote);

	conn->outbound->next = *head;
	conn->outbound->link = head;
	if (*head)
		(*head)->outbound->link = &conn->outbound->next;
	*head = conn;
}

void identity_add(struct conn *conn)
{
	lock_get(&table->lock);
	add_locked(conn);
	lock_release(&table->lock);
}

int identity_add_first(struct conn *conn, const struct connect_choice *choice)
{
	int first;

	lock_get(&table->lock);
	first = !find_locked(&conn->outbound->remote, choice);
	if (first)
		add_locked(conn);
	lock_release(&table->lock);
	return first;
}

/* The core must not find it by its address. The next connection that it opens takes its aliases anyway. */
static void hide(struct host_tcp_connection *c)
{
	struct host_alias *a;

	host_lock(tcpconn_lock);
	for (int i = 0; i < c->aliases_count; i++) {
		a = &c->aliases[i];
		if (tcpconn_aliases_hash[a->hash] == a)
			tcpconn_aliases_hash[a->hash] = a->next;
		if (a->next)
			a->next->prev = a->prev;
		if (a->prev)
			a->prev->next = a->next;
	}
	c->aliases_count = 0;
	host_unlock(tcpconn_lock);
}

static int send_by_core(struct host_tcp_connection *c, int id, const char *p, size_t len, unsigned send_flags)
{
	struct host_destination to = {.send_sock = c->rcv.bind_address,
		.to = c->rcv.src_su,
		.id = id,
		.send_flags = send_flags,
		.proto = HOST_PROTO_TLS};
	union host_sockaddr from = {0};

	/* From c's local address, with any port. */
	if (c->rcv.dst_ip.af == AF_INET6) {
		from.sin6.sin6_family = AF_INET6;
		memcpy(&from.sin6.sin6_addr, c->rcv.dst_ip.u, 16);
	} else {
		from.sin.sin_family = AF_INET;
		memcpy(&from.sin.sin_addr, c->rcv.dst_ip.u, 4);
	}
	return tcp_send(&to, c->rcv.dst_ip.af ? &from : NULL, p, (unsigned)len) < 0 ? -1 : 0;
}

static int send_over(
	struct host_tcp_connection *c, struct conn *other, const char *p, size_t len, unsigned send_flags)
{
	int rc = opening_keep(other, p, len, (send_flags & HOST_SND_F_CON_CLOSE) != 0);

	return rc ? rc : send_by_core(c, other->id, p, len, send_flags);
}

static int send_anew(struct host_tcp_connection *c, const char *p, size_t len, unsigned send_flags)
{
	hide(c);
	return send_by_core(c, 0, p, len, send_flags);
}

static int send_unlocked(struct host_tcp_connection *c, const struct connect_choice *choice, const char *p,
	size_t len, unsigned send_flags)
{
	const struct connect_choice *before = forced;
	struct conn *other = find(&((struct conn *)c->extra_data)->outbound->remote, choice);
	int rc = -1;

	if (depth < DEPTH_MAX) {
		forced = choice;
		depth++;
		if (other)
			rc = send_over(c, other, p, len, send_flags);
		if (rc < 0)
			rc = send_anew(c, p, len, send_flags);
		depth--;
		forced = before;
	}
	if (other)
		conn_put(other);
	return rc;
}

void identity_send_elsewhere(struct host_tcp_connection *c, const struct connect_choice *choice,
	const char *p, size_t len, unsigned send_flags)
{
	static struct log_limit limit;
	char peer[URING_ADDRESS_TEXT];
	int rc;

	/* Nobody may hold two write locks, or two processes could wait for each other for ever. */
	host_unlock(&c->write_lock);
	rc = send_unlocked(c, choice, p, len, send_flags);
	host_lock(&c->write_lock);
	if (rc >= 0)
		return;
	uring_address_text(&c->rcv.src_su.s, peer);
	ser_log_limited(&limit, LOG_LEVEL_ERROR,
		"a message of %zu bytes to %s (server_id \"%s\", server_name \"%s\") is lost: no connection",
		len, peer, choice->server_id, choice->server_name);
}
