/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TLS engine: a process that shakes hands and relays. It meets every stranger's bytes, so it takes no lock
 * of SER's, sees nothing of SER's shared memory and calls nothing of the host: its death costs no one but its
 * own peers.
 */
#ifndef SER_ENGINE_ENGINE_H
#define SER_ENGINE_ENGINE_H

#include "cfg/set.h"
#include "ktls/kernel.h"
#include "ser/shared/params.h"
#include "ser/shared/scoreboard.h"

/* What an engine is made of: its supervisor's. */
struct engine_parts {
	const struct params *params;
	const struct ktls_kernel_caps *caps;
	struct cfg_set *set;
	unsigned engine, process; /* its numbers on the scoreboard */
	int channel;              /* SOCK_SEQPACKET: ser/shared/messages.h */
	const int *listeners;     /* TCP sockets in blocking mode, by their numbers */
	unsigned listener_count;
	int proxy_header; /* 1: every connection has to begin with a PROXY header */
};

enum {
	ENGINE_CANNOT_START = 2, /* exit code */
};

/*
 * The life of a freshly forked engine. Writes a struct cfg_error to report when it accepts connections (an
 * empty text) or cannot start, and closes it; -1: there is nobody to tell, it logs. Does not return.
 */
void engine_run(const struct engine_parts *parts, int report) __attribute__((noreturn));

#endif
