/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/connection/keep.h"

#include "ser/connection/drain.h"
#include "ser/connection/keeper.h"
#include "ser/host/newer.h"
#include "ser/host/services.h"
#include "ser/shared/conn.h"
#include "ser/shared/kept.h"
#include "ser/shared/log.h"
#include "ser/shared/shortage.h"
#include "uring/pass_fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	FULL_MS = 1000,  /* how long the keeper may take nothing */
	SLOW_MS = 10000, /* ... in all: the core gives its processes exit_timeout, 60 s */
	TEXT_MAX = 512,
};

enum reason {
	RELAYED,
	WEBSOCKET,
	BUSY,
	UNSENT,
	OPENING,
	TOO_LARGE,
	NOT_TAKEN,
	REASONS
};

static const char *const words[REASONS] = {
	[RELAYED] = "relayed by an engine",
	[WEBSOCKET] = "with a WebSocket",
	[BUSY] = "in use",
	[UNSENT] = "with bytes that their peer has not taken",
	[OPENING] = "not up yet",
	[TOO_LARGE] = "too large",
	[NOT_TAKEN] = "not taken by the keeper",
};

static const char *keeper;
static int channel = -1;
static unsigned kept, lost[REASONS];

static struct {
	_Alignas(8) struct keeper_header header;
	uint8_t record[KEEPER_MESSAGE_MAX - sizeof(struct keeper_header)];
} message;
static uint8_t state[KTLS_STREAM_STATE_MAX];

void keep_prepare(const char *path)
{
	keeper = path;
}

int keep_begin(void)
{
	const char *why;

	channel = keeper_connect(keeper, &why);
	if (channel >= 0)
		return 0;
	ser_log(LOG_LEVEL_ERROR, "no TLS connection outlives SER: keeper '%s': %s", keeper, why);
	return -1;
}

static union uring_address address_of(const struct host_ip *ip, unsigned short port)
{
	union uring_address a = {.any.sa_family = (sa_family_t)ip->af};

	if (ip->af == AF_INET6) {
		memcpy(&a.in6.sin6_addr, ip->u, sizeof(a.in6.sin6_addr));
		a.in6.sin6_port = htons(port);
	} else {
		memcpy(&a.in.sin_addr, ip->u, sizeof(a.in.sin_addr));
		a.in.sin_port = htons(port);
	}
	return a;
}

static union uring_address address_from(const union host_sockaddr *from)
{
	union uring_address a = {0};

	memcpy(&a, from, sizeof(a));
	return a;
}

static void add_aliases(struct kept *k, const struct host_tcp_connection *c)
{
	for (int i = 0; i < c->aliases_count && k->aliases < KEPT_ALIASES_MAX; i++) {
		unsigned n = 0;

		while (n < k->aliases && k->alias[n] != c->aliases[i].port)
			n++;
		if (n == k->aliases && c->aliases[i].port != c->rcv.src_port)
			k->alias[k->aliases++] = c->aliases[i].port;
	}
}

static void describe(struct kept *k, const struct host_tcp_connection *c)
{
	const struct conn *conn = c->extra_data;
	const struct snapshot_cert *own = conn->facts->own;
	int proxied = !conn->outbound && host_reads_proxy_headers();

	*k = (struct kept){
		.outbound = conn->outbound != NULL,
		.why = conn->why,
		.why_error = conn->why_error,
		.since = conn->since,
		.remote = address_from(&c->rcv.src_su),
		.local = address_of(&c->rcv.dst_ip, c->rcv.dst_port),
		.domain = conn->domain ? domain_name(conn->domain) : "",
		.server_id = conn->outbound ? conn->outbound->server_id : "",
		.server_name = conn->outbound ? conn->outbound->server_name : "",
		.snapshot = conn->facts,
		.own = own ? own->der : NULL,
		.own_len = own ? own->len : 0,
		.stream = state,
		.unread = (const uint8_t *)c->req.buf,
		.unread_len = (size_t)(c->req.pos - c->req.buf),
	};
	k->listener = c->rcv.bind_address ? address_from(&c->rcv.bind_address->su) : k->local;
	k->transport_remote = proxied ? address_of(&c->cinfo.src_ip, c->cinfo.src_port) : k->remote;
	k->transport_local = proxied ? address_of(&c->cinfo.dst_ip, c->cinfo.dst_port) : k->local;
	add_aliases(k, c);
}

/* Also if too many descriptors are under way, which poll() would not tell. */
static int send_message(size_t len, int fd)
{
	static int waited; /* for all connections */
	struct timespec pause = {.tv_nsec = 1000000};
	int rc;

	for (int i = 0; i < FULL_MS && waited < SLOW_MS; i++, waited++) {
		rc = uring_pass_fd(channel, &message, len, fd);
		if (rc != -EAGAIN)
			return rc;
		nanosleep(&pause, NULL);
	}
	return -EAGAIN;
}

/* Returns a reason, or -1. */
static int give(const struct host_tcp_connection *c)
{
	const struct conn *conn = c->extra_data;
	struct kept k;
	ssize_t len = ktls_stream_save(&conn->stream, state, sizeof(state));
	int rc;

	if (len < 0)
		return TOO_LARGE;
	describe(&k, c);
	k.stream_len = (size_t)len;
	len = kept_encode(&k, message.record, sizeof(message.record));
	message.header = (struct keeper_header){KEEPER_MAGIC, KEEPER_VERSION, KEEPER_KEEP};
	rc = len < 0 ? -EMSGSIZE : send_message(sizeof(message.header) + (size_t)len, c->s);
	OPENSSL_cleanse(&message, len < 0 ? sizeof(message) : sizeof(message.header) + (size_t)len);
	OPENSSL_cleanse(state, k.stream_len);
	if (rc == -EMSGSIZE)
		return TOO_LARGE;
	if (!rc)
		return -1;
	ser_log(LOG_LEVEL_ERROR, "the keeper takes no more connections: %s",
		rc == -EAGAIN ? "it is too slow, or holds as many descriptors as it may" : shortage_text(rc));
	close(channel);
	channel = -1;
	return NOT_TAKEN;
}

static int is_over(const struct host_tcp_connection *c)
{
	const struct conn *conn = c->extra_data;

	return c->s <= 0 || c->state != HOST_CONN_OK || conn->sent_last || conn->queue.broken ||
	       c->req.error >= HOST_TCP_READ_ERROR;
}

static int reason_for(const struct host_tcp_connection *c)
{
	const struct conn *conn = c->extra_data;

	if (!conn_is_established(conn))
		return OPENING;
	if (c->type != HOST_PROTO_TLS)
		return WEBSOCKET;
	if (conn->stream.home == KTLS_HOME_RELAYED)
		return RELAYED;
	if (c->wbuf_first || send_queue_is_busy(&conn->queue))
		return UNSENT;
	return drain_is_busy(c->id) ? BUSY : -1;
}

int keep_connection(struct host_tcp_connection *c)
{
	int reason;

	if (is_over(c))
		return 0;
	/* Whoever holds it is dead, or was in the middle of writing. It stays locked: nobody else writes. */
	reason = host_trylock(&c->write_lock) ? reason_for(c) : BUSY;
	if (reason < 0)
		reason = channel >= 0 ? give(c) : NOT_TAKEN;
	if (reason < 0)
		kept++;
	else
		lost[reason]++;
	return reason < 0;
}

void keep_end(void)
{
	char text[TEXT_MAX] = "";
	size_t len = 0;
	unsigned sum = 0;

	for (int i = 0; i < REASONS; i++) {
		sum += lost[i];
		if (lost[i])
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u %s", len ? ", " : "; ",
				lost[i], words[i]);
	}
	ser_log(LOG_LEVEL_NOTICE, "the keeper has %u TLS connections for the next start, %u end%s", kept, sum,
		text);
	if (channel >= 0)
		close(channel);
}
