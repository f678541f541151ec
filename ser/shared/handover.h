/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an engine tells its supervisor about a connection that is up, or about one that SER wanted and that
 * cannot be: one message, in the first case with the descriptor, over a SOCK_SEQPACKET channel. Both are
 * forks of one program, so addresses of what existed before mean the same.
 */
#ifndef SER_SHARED_HANDOVER_H
#define SER_SHARED_HANDOVER_H

#include "ser/shared/conn.h"
#include "uring/client.h"

enum {
	/* OpenSSL takes certificates of up to 100 KB (SSL_MAX_CERT_LIST_DEFAULT). */
	HANDOVER_MAX = 160 * 1024,
};

enum handover_kind {
	HANDOVER_ESTABLISHED = 1,
	HANDOVER_FAILED,
};

struct handover {
	uint32_t kind;  /* HANDOVER_ESTABLISHED */
	uint32_t order; /* of struct engine_order; 0: the peer opened the connection */
	struct uring_peer peer;
	struct conn conn; /* the last member: it has a tail */
};

struct handover_failure {
	uint32_t kind; /* HANDOVER_FAILED */
	uint32_t order;
	int32_t why; /* enum uring_client_failure */
	char reason[240];
};

#endif
