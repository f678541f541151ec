/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls.options: the module's parameters, under the stock module's names. */
#ifndef SER_MANAGE_RPC_OPTIONS_H
#define SER_MANAGE_RPC_OPTIONS_H

#include "ser/host/layout.h"

/* Answers with the parameters, under the stock module's names. */
void rpc_options(struct host_rpc *rpc, void *ctx);

#endif
