/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the answers of remote procedure calls are about. */
#ifndef SER_MANAGE_RPC_ABOUT_H
#define SER_MANAGE_RPC_ABOUT_H

#include "cfg/config.h"
#include "ktls/kernel.h"
#include "ser/host/layout.h"
#include "ser/shared/params.h"

/* All must stay. params is NULL while TLS is off. */
struct rpc_about {
	const struct params *params;
	const struct cfg_config *config; /* of the start */
	const struct ktls_kernel_caps *caps;
};

extern struct rpc_about rpc_about;

/* Whether there is something to answer; if not, says so. */
int rpc_is_on(struct host_rpc *rpc, void *ctx);

#endif
