/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module's parameters: modparam("tls", NAME, VALUE). */
#ifndef SER_PARAMS_H
#define SER_PARAMS_H

#include "cfg/domain.h"
#include "cfg/scope.h"
#include "ser/host.h"

/* The table that the core fills while it reads the configuration. */
extern struct host_param params_table[];

enum {
	PARAMS_SCOPED_MAX = 64,
};

/* A switch that has values of their own for some of the addresses where connections come in. */
struct params_switch {
	int others;
	unsigned count;
	struct {
		struct cfg_scope scope;
		int value;
	} scoped[PARAMS_SCOPED_MAX];
};

int params_switch_at(const struct params_switch *s, const struct sockaddr *local);

struct params {
	struct cfg_domain server;    /* the default server domain */
	int tls_log;                 /* level of the lines about connections */
	struct params_switch ktls;   /* 0: records stay in user space */
	int ktls_rekey_required;     /* 1: TLS 1.3 goes only to kernels that can change keys */
	int send_timeout;            /* seconds that a relayed connection may be stuck */
	int handshake_timeout;       /* seconds */
	char *session_ticket_keys;   /* file, or NULL: random ones */
	int session_ticket_rotation; /* seconds */
	int connection_timeout;      /* seconds that a connection may be silent */
	int engines;                 /* processes */
	int engine_nice;             /* of these processes, on top of SER's own */
	/* Limits; what is under way is counted in each engine by itself. 0: no limit of that kind. */
	int max_handshakes;
	int max_handshakes_per_source;
	int max_connections_per_source;
	int low_mem_threshold1; /* KB of shared memory that must be free for a new connection */
	int refuse_at_limit;    /* 0: new connections wait in the kernel's backlog where they can */
};

/* Checks what was set and fills in the defaults. Returns 0, or -1 with a sentence in *e. */
int params_take(struct params *p, struct cfg_error *e);

#endif
