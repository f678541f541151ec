/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The TLS connections that a command is about, copied out of the core's table. */
#ifndef SER_MANAGE_RPC_ENTRIES_H
#define SER_MANAGE_RPC_ENTRIES_H

#include "ktls/nic.h"
#include "ser/manage/rpc_filter.h"
#include "ser/shared/conn.h"

#include <arpa/inet.h>

enum {
	RPC_CIPHER_TEXT = 128,
};

/* What the core knew about a connection when its lock was held. */
struct rpc_entry {
	struct conn *conn; /* a reference */
	struct host_ip src_ip, dst_ip;
	unsigned short src_port, dst_port;
	int id, timeout, is_wss;
};

/*
 * Those that were asked for, in the order of their ids; of RPC_AFTER not many more than asked for. Returns
 * NULL once the command was answered with why not. Takes the core's lock for one part of its table after
 * another, so who comes or goes meanwhile may be missing or still be there. The caller gives them back.
 */
struct rpc_entry *rpc_take(struct host_rpc *rpc, void *ctx, const struct rpc_filter *asked, unsigned *found);
void rpc_give_back(struct rpc_entry *entries, unsigned n);

/* What an engine found out about it, which for a connection that is being opened is nothing yet. */
const struct snapshot *rpc_facts(const struct conn *conn);

/* Texts about a connection. */
const char *rpc_ip(const struct host_ip *ip, char text[INET6_ADDRSTRLEN]);
const char *rpc_home(const struct conn *conn, unsigned directions); /* of any of these: enum ktls_nic */
const char *rpc_proto(const struct rpc_entry *e);
void rpc_cipher(const struct conn *conn, char text[RPC_CIPHER_TEXT]);

#endif
