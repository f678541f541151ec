/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/connection/inject.h"

#include "ser/connection/aliases.h"
#include "ser/connection/hooks.h"
#include "ser/connection/idle.h"
#include "ser/connection/listeners.h"
#include "ser/host/connections.h"
#include "ser/host/newer.h"
#include "ser/host/services.h"
#include "ser/outbound/identity.h"
#include "ser/shared/counters.h"
#include "ser/shared/log.h"
#include "ser/shared/services.h"
#include "ser/shared/shortage.h"
#include "uring/address.h"
#include "uring/pass_fd.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct injection {
	struct uring_passing passing; /* the first member */
	long message[2];
	struct host_tcp_connection *c; /* belongs to tcp_main once the message is under way */
	int id;
};

static struct uring_pass_queue queue;
static int first_id;

static int new_id(void)
{
	static int next, wrapped;
	int id;

	do {
		id = first_id + next;
		next = (next + 1) % SCOREBOARD_IDS_EACH;
		wrapped |= !next;
	} while (wrapped && host_knows_connection(id));
	return id;
}

/*
 * Does what the core's own free function, which is not exported, would do with a connection that nobody knows
 * yet.
 */
static void discard(struct host_tcp_connection *c)
{
	struct conn *conn = c->extra_data;

	c->extra_data = NULL;
	if (conn->outbound)
		identity_remove(conn);
	conn_close(conn);
	services.memory.release(c);
}

void inject_refuse(const union uring_address *address, const char *why)
{
	static struct log_limit limit;
	char remote[URING_ADDRESS_TEXT];

	counters_add(COUNTER_CONNECTIONS_LOST);
	uring_address_text(&address->any, remote);
	ser_log_limited(&limit, LOG_LEVEL_ERROR, "connection from %s refused: %s", remote, why);
}

static void passed(struct uring_passing *p, int rc)
{
	static struct log_limit limit;
	struct injection *i = (struct injection *)p;

	close(p->fd);
	if (rc) {
		counters_add(COUNTER_CONNECTIONS_LOST);
		ser_log_limited(&limit, LOG_LEVEL_ERROR,
			"a connection is lost: tcp_main does not take it over: %s", shortage_text(rc));
		discard(i->c);
	} else {
		idle_watch(i->id);
	}
	free(i);
}

void inject_init(struct uring_loop *loop, unsigned index)
{
	first_id = SCOREBOARD_FIRST_ID + (int)index * SCOREBOARD_IDS_EACH;
	uring_pass_queue_init(&queue, loop, unix_tcp_sock);
	idle_init(loop);
	aliases_init(loop);
	hooks_inject(1);
}

/* tcp_accept_unique: the core looks up the addresses the wrong way round, so it never finds any. */
static int is_duplicate(struct host_tcp_connection *c)
{
	return tcp_accept_unique && host_has_connection(c);
}

static int is_beyond_limit(const struct message_established *m)
{
	struct scoreboard_source source = scoreboard_source_of(&m->remote);
	union host_sockaddr remote = {0};

	memcpy(&remote, &m->remote, sizeof(m->remote));
	return host_is_beyond_limit(
		&remote, scoreboard_source_connections(&source) + scoreboard_get_load().plain);
}

/* The core would log it, too, in a line that is not limited and says nothing about what to do. */
static int has_room(void)
{
	void *p = services.memory.alloc(sizeof(struct host_tcp_connection) + (size_t)tcp_cfg->rd_buf_size);

	if (p)
		services.memory.release(p);
	return p != NULL;
}

static struct host_tcp_connection *new_connection(int fd, const union uring_address *from,
	const union uring_address *to, struct host_socket_info *listener)
{
	union host_sockaddr remote = {0}, local = {0};

	memcpy(&remote, from, sizeof(*from));
	memcpy(&local, to, sizeof(*to));
	return has_room() ? tcpconn_new(fd, &remote, &local, listener, HOST_PROTO_TLS, HOST_CONN_OK) : NULL;
}

static struct host_ip ip_of(const union uring_address *a)
{
	struct host_ip ip = {.af = a->any.sa_family, .len = a->any.sa_family == AF_INET6 ? 16 : 4};

	memcpy(ip.u, ip.len == 16 ? (const void *)&a->in6.sin6_addr : &a->in.sin_addr, ip.len);
	return ip;
}

/* The core stores the proxy's own connection here, for scripts. */
static void note_proxy(struct host_tcp_connection *c, const union uring_address *remote,
	const union uring_address *local, struct host_socket_info *listener)
{
	if (!host_reads_proxy_headers())
		return;
	c->cinfo = (struct host_coninfo){
		.src_ip = ip_of(remote),
		.dst_ip = ip_of(local),
		.src_port = ntohs(remote->in.sin_port),
		.dst_port = ntohs(local->in.sin_port),
		.proto = HOST_PROTO_TLS,
		.csocket = listener,
	};
}

/* The core's part comes first, because it is bigger and must get the memory that has just become free. */
static struct host_tcp_connection *make_whole(int fd, const struct conn_made *made)
{
	const struct message_established *m = made->message;
	struct host_socket_info *listener = listeners_core(m->listener);
	struct host_tcp_connection *c = new_connection(fd, &m->remote, &m->local, listener);

	if (!c)
		return NULL;
	host_mark_accepted(c);
	c->extra_data = conn_new(made);
	if (c->extra_data) {
		note_proxy(c, &m->transport_remote, &m->transport_local, listener);
		return c;
	}
	services.memory.release(c);
	return NULL;
}

/* Returns the id. Both records may be gone already, if tcp_main does not take them. */
static int pass_on(int fd, struct host_tcp_connection *c, struct injection *i)
{
	struct conn *conn = c->extra_data;
	int id = new_id();

	c->id = conn->id = id;
	c->flags |= HOST_F_CONN_FD_CLOSED;
	c->refcnt = 1; /* the core's hash table */
	/*
	 * The core counts these when an accepted connection carries its first byte; ours are established
	 * already.
	 */
	host_count(tcp_cnts_h.established);
	if (!conn->outbound) {
		c->flags |= HOST_F_CONN_PASSIVE;
		host_count(tcp_cnts_h.passive_open);
	}
	*i = (struct injection){.message = {(long)c, HOST_CONN_NEW}, .c = c, .id = id};
	i->passing = (struct uring_passing){
		.data = i->message, .len = sizeof(i->message), .fd = fd, .done = passed};
	uring_pass(&queue, &i->passing);
	return id;
}

void inject(int fd, const struct conn_made *made)
{
	struct injection *i = malloc(sizeof(*i));
	struct host_tcp_connection *c;

	if (is_beyond_limit(made->message)) {
		inject_refuse(&made->message->remote, "its address has as many as tcp_accept_iplimit allows");
		goto failed;
	}
	c = i ? make_whole(fd, made) : NULL;
	if (!c) {
		inject_refuse(&made->message->remote,
			i ? "shared memory is used up: raise it with kamailio -m" : "memory is used up");
		goto failed;
	}
	if (is_duplicate(c)) {
		inject_refuse(
			&made->message->remote, "one with the same addresses exists (tcp_accept_unique)");
		discard(c);
		goto failed;
	}
	pass_on(fd, c, i);
	return;
failed:
	close(fd);
	free(i);
}

int inject_again(int fd, const struct kept *kept, struct conn *conn, struct host_socket_info *listener,
	const char **why)
{
	struct injection *i = malloc(sizeof(*i));
	struct host_tcp_connection *c = i ? new_connection(fd, &kept->remote, &kept->local, listener) : NULL;

	*why = i ? "shared memory is used up: raise it with kamailio -m" : "memory is used up";
	if (!c)
		goto failed;
	*why = "what was read of its message does not fit tcp_rd_buf_size";
	if (kept->unread_len > c->req.b_size) {
		services.memory.release(c);
		goto failed;
	}
	memcpy(c->req.pos, kept->unread, kept->unread_len); /* the core reads on behind it */
	c->req.pos += kept->unread_len;
	c->extra_data = conn;
	if (!kept->outbound) {
		host_mark_accepted(c);
		note_proxy(c, &kept->transport_remote, &kept->transport_local, listener);
	}
	aliases_restore(pass_on(fd, c, i), kept->alias, kept->aliases);
	return 0;
failed:
	close(fd);
	free(i);
	return -1;
}
