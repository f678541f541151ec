/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module's remote procedure calls, for kamcmd and the like. */
#ifndef SER_MANAGE_RPC_H
#define SER_MANAGE_RPC_H

#include "ser/host/layout.h"

extern struct host_rpc_export rpc_table[];

#endif
