/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls.certificates: what expires, and when. */
#ifndef SER_MANAGE_RPC_CERTIFICATES_H
#define SER_MANAGE_RPC_CERTIFICATES_H

#include "ser/host/layout.h"

void rpc_certificates(struct host_rpc *rpc, void *ctx);

#endif
