/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/manage/rpc_about.h"

struct rpc_about rpc_about;

int rpc_is_on(struct host_rpc *rpc, void *ctx)
{
	if (!rpc_about.params)
		rpc->fault(ctx, 500, "TLS is off: enable_tls=yes in front of loadmodule turns it on");
	return rpc_about.params != NULL;
}
