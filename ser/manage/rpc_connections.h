/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls.list, tls.count and tls.kill: lists, counts and closes open connections. */
#ifndef SER_MANAGE_RPC_CONNECTIONS_H
#define SER_MANAGE_RPC_CONNECTIONS_H

#include "ser/host/layout.h"

/* Answers with a struct for each TLS connection that was asked for (ser/manage/rpc_filter.h). */
void rpc_list(struct host_rpc *rpc, void *ctx);

/* Answers with a struct for each group of TLS connections: what they have in common, and how many they are.
 */
void rpc_count(struct host_rpc *rpc, void *ctx);

/* Closes a connection, by its id. */
void rpc_kill(struct host_rpc *rpc, void *ctx);

#endif
