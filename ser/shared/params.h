/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module's parameters: modparam("tls", NAME, VALUE). */
#ifndef SER_SHARED_PARAMS_H
#define SER_SHARED_PARAMS_H

#include "cfg/config.h"

/* Those of the module itself; those of domains are in a struct cfg_config. */
struct params {
	char *config;              /* tls.cfg or a folder, absolute, or NULL */
	char *limit_policy;        /* "wait" or "refuse" */
	char *session_ticket_keys; /* file, absolute, or NULL: random ones */
	char *xavp_cfg; /* name of the script's xavp with choices for connections that SER opens, or NULL */
	char *event_callback;        /* the script's function for their event, or NULL */
	int tls_log;                 /* level of the lines about connections */
	int handshake_timeout;       /* seconds */
	int send_timeout;            /* seconds that a relayed or queued connection may be stuck */
	int connection_timeout;      /* seconds that a connection may be silent */
	int session_ticket_rotation; /* seconds */
	int certificate_watch;       /* seconds between two looks; 0: off */
	int engines;                 /* processes */
	int engine_nice;             /* of these processes, on top of SER's own */
	/* Limits; what is under way is counted in each engine by itself. 0: no limit of that kind. */
	int max_handshakes;
	int max_handshakes_per_source;
	int max_connections_per_source;
	int con_ct_wq_max, ct_wq_max; /* bytes that wait for a handshake of SER's own, for all of these */
	int low_mem_threshold1;       /* KB of shared memory that must be free for a new connection */
};

/* Keeps a line of the configuration, as written; text is NULL where it is a number. Returns 0 or -1. */
int params_keep(const char *name, const char *text, int number);

/* The file that relative paths start from, which must stay. */
void params_set_base(const char *file);

/* 0: new connections wait in the kernel's backlog where they can. */
int params_refuse_at_limit(const struct params *p);

/*
 * Checks what was set and fills in the defaults; says once what has no meaning any more. Returns 0, or -1
 * with a sentence in *errors for each mistake.
 */
int params_take(struct params *p, struct cfg_errors *errors);

/*
 * Reads the domains anew: modparams, and that tls.cfg (file or folder, absolute) unless it is NULL. Returns a
 * finished configuration with one reference, or NULL with the sentences.
 */
struct cfg_config *params_domains(const char *file, struct cfg_errors *errors, struct cfg_errors *warnings);

/* What a value that was set means: 0 and less is as long as can be; less than 0 is the default. */
int params_silence(int connection_timeout);
int params_low_memory(int low_mem_threshold1);

/* Logs all sentences, each as a line. */
void params_log(int level, const struct cfg_errors *errors);

#endif
