/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The data that remote procedure calls report. */
#ifndef SER_MANAGE_RPC_ABOUT_H
#define SER_MANAGE_RPC_ABOUT_H

#include "cfg/config.h"
#include "ktls/kernel.h"
#include "ser/host/layout.h"
#include "ser/shared/params.h"

/* Everything it points to must stay. params is NULL if TLS is off. */
struct rpc_about {
	const struct params *params;
	const struct cfg_config *config; /* as read at the start */
	const struct ktls_kernel_caps *caps;
};

extern struct rpc_about rpc_about;

/* Whether there is something to report; if not, answers so. */
int rpc_is_on(struct host_rpc *rpc, void *ctx);

#endif
