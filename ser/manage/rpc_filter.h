/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which connections tls.list is asked for: what its arguments say. */
#ifndef SER_MANAGE_RPC_FILTER_H
#define SER_MANAGE_RPC_FILTER_H

#include "ser/host/layout.h"

#include <stdint.h>

enum rpc_filter_by {
	RPC_ALL,
	RPC_ID,
	RPC_AFTER,
	RPC_SRC_IP,
	RPC_DST_IP,
	RPC_DOM,
};

struct rpc_filter {
	enum rpc_filter_by by;
	int id;            /* of ID and AFTER */
	unsigned most;     /* with AFTER: how many of them */
	int last;          /* the same, rpc_take()'s own: none with a larger id; 0: no limit */
	struct host_ip ip; /* of SRC_IP and DST_IP */
	const char *dom;   /* of DOM; the transport owns it until the answer is sent */
};

/* Reads a command's arguments. Returns 0, or -1 once the command was answered with what is wrong. */
int rpc_filter_read(struct host_rpc *rpc, void *ctx, struct rpc_filter *f);

/* 1 for a connection that was asked for. Needs the core's lock, tcpconn_lock. */
int rpc_filter_takes(const struct rpc_filter *f, const struct host_tcp_connection *c);

#endif
