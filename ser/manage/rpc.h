/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module's remote procedure calls, for kamcmd and the like. */
#ifndef SER_MANAGE_RPC_H
#define SER_MANAGE_RPC_H

#include "ktls/kernel.h"
#include "ser/host/layout.h"
#include "ser/module/params.h"

extern struct host_rpc_export rpc_table[];

/* Whether there is something to answer; if not, says so. */
int rpc_is_on(struct host_rpc *rpc, void *ctx);

/* What the answers are about; all must stay. */
void rpc_init(
	const struct params *params, const struct cfg_config *config, const struct ktls_kernel_caps *caps);

#endif
