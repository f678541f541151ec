/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module's parameters: modparam("tls", NAME, VALUE). */
#ifndef SER_SHARED_PARAMS_H
#define SER_SHARED_PARAMS_H

#include "cfg/config.h"

/* The stock module's bits of keylog_mode. */
enum keylog {
	KEYLOG_READY = 1 << 0,
	KEYLOG_ACTIVE = 1 << 1,
	KEYLOG_TO_LOG = 1 << 2, /* has no effect here */
	KEYLOG_TO_FILE = 1 << 3,
	KEYLOG_TO_PEER = 1 << 4,
};

/* The module's own parameters; those of domains are in a struct cfg_config. */
struct params {
	char *config;              /* tls.cfg or a folder, absolute, or NULL */
	char *limit_policy;        /* "wait" or "refuse" */
	char *session_ticket_keys; /* file, absolute; NULL: random keys */
	char *keeper;              /* socket of the keeper, absolute; NULL: connections end with SER */
	char *keylog_file;         /* absolute, or NULL */
	char *keylog_peer;         /* "udp:<ip>:<port>", or NULL */
	char *keylog_networks;     /* of peers whose keys are logged; NULL: of all */
	char *xavp_cfg;         /* the script's xavp with choices for connections that SER opens, or NULL */
	char *event_callback;   /* the script's function for tls:connection-out, or NULL */
	int tls_log;            /* level of the lines about connections */
	int keylog_mode;        /* bits of enum keylog */
	int handshake_timeout;  /* seconds */
	int send_timeout;       /* seconds that relayed or queued data may be stuck */
	int connection_timeout; /* seconds that a connection may be silent */
	int session_tickets;    /* for each full handshake of TLS 1.3; 0: none in any version */
	int session_ticket_rotation; /* seconds */
	int certificate_watch;       /* seconds between two looks; 0: off */
	int certificate_warn_days;   /* before something expires; 0: no warnings */
	int engines;                 /* processes */
	int engine_nice;             /* of the engines, on top of SER's own */
	int engine_confinement;      /* 0: off, 1: what the kernel offers, 2: all of it, or no start */
	int engine_patience;         /* seconds that an engine may be silent; 0: for ever */
	int supervisor_patience;     /* the same for a supervisor */
	/* Limits. Each engine counts its own handshakes. 0: no limit of that kind. */
	int max_handshakes;
	int max_handshakes_per_source;
	int max_connections_per_source;
	int con_ct_wq_max, ct_wq_max; /* bytes that may wait while SER opens one connection, and for all */
	int low_mem_threshold1;       /* KB of shared memory that must be free for a new connection */
};

/* Stores a line of the configuration as written; text is NULL if the value is a number. Returns 0 or -1. */
int params_keep(const char *name, const char *text, int number);

/* The file whose folder relative paths start from; the name must stay. */
void params_set_base(const char *file);

/* 0: new connections wait in the kernel's backlog if they can. */
int params_refuse_at_limit(const struct params *p);

/* Where keys of connections go: KEYLOG_TO_FILE, KEYLOG_TO_PEER, both, or 0 if there is no key log. */
int params_keylog(const struct params *p);

/*
 * Checks what was set, fills in the defaults, and logs which parameters have no effect. Numbers out of range
 * that the stock module takes become the next one that is in range, with a warning. Returns 0, or -1 with a
 * sentence in *errors for each mistake.
 */
int params_take(struct params *p, struct cfg_errors *errors, struct cfg_errors *warnings);

/*
 * Reads the domains again: modparams, and this tls.cfg (file or folder, absolute) unless it is NULL. Returns
 * a finished configuration with one reference, or NULL with sentences.
 */
struct cfg_config *params_domains(const char *file, struct cfg_errors *errors, struct cfg_errors *warnings);

/*
 * What a value means: a connection_timeout of 0 or less is as long as possible; a low_mem_threshold1 below 0
 * is the default.
 */
int params_silence(int connection_timeout);
int params_low_memory(int low_mem_threshold1);

/* Logs each sentence as a line. */
void params_log(int level, const struct cfg_errors *errors);

#endif
