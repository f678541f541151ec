/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an engine gets from its supervisor. */
#ifndef SER_ENGINE_PARTS_H
#define SER_ENGINE_PARTS_H

#include "cfg/set.h"
#include "ktls/kernel.h"
#include "ser/shared/params.h"

struct engine_parts {
	const struct params *params;
	const struct ktls_kernel_caps *caps;
	struct cfg_set *set;
	unsigned engine, process; /* its numbers on the scoreboard */
	int channel;              /* SOCK_SEQPACKET: ser/shared/messages.h */
	const int *listeners;     /* TCP sockets in blocking mode, by number */
	unsigned listener_count;
	int first;        /* 1: no other of this supervisor's came before it */
	int proxy_header; /* 1: every connection must begin with a PROXY header */
};

#endif
