/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SER_MANAGE_RPC_OPTIONS_H
#define SER_MANAGE_RPC_OPTIONS_H

#include "ser/host/layout.h"
#include "ser/module/params.h"

/* The parameters, under the stock module's names. */
void rpc_options(struct host_rpc *rpc, void *ctx);

/* How tls.cfg spells them. */
const char *rpc_options_method(const struct cfg_domain *d);
const char *rpc_options_verify_client(const struct cfg_domain *d);

/* What the answers are about; both must stay. */
void rpc_options_init(const struct params *params, const struct cfg_config *config);

#endif
