/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an engine tells its supervisor about a connection that is up: one message, with the descriptor, over a
 * SOCK_SEQPACKET channel. Both are forks of one program, so addresses of what existed before mean the same.
 */
#ifndef SER_HANDOVER_H
#define SER_HANDOVER_H

#include "ser/conn.h"

enum {
	/* OpenSSL takes certificates of up to 100 KB (SSL_MAX_CERT_LIST_DEFAULT). */
	HANDOVER_MAX = 160 * 1024,
};

struct handover {
	struct uring_peer peer;
	struct conn conn; /* the last member: it has a tail */
};

#endif
