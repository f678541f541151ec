/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls.list and tls.kill: lists and closes open connections. */
#ifndef SER_MANAGE_RPC_CONNECTIONS_H
#define SER_MANAGE_RPC_CONNECTIONS_H

#include "ser/host/layout.h"

/* Answers with a struct for each TLS connection. */
void rpc_list(struct host_rpc *rpc, void *ctx);

/* Closes a connection, by its id. */
void rpc_kill(struct host_rpc *rpc, void *ctx);

#endif
