/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A configuration as a value: one list of domains, filled from modparams or from tls.cfg, finished once, and
 * constant from then on.
 *
 *	struct cfg_errors errors = {0}, warnings = {0};
 *	struct cfg_config *c = cfg_config_new(main_config);
 *	cfg_add_param(c, "certificate", "192.0.2.1:5061=cert.pem", &errors);   for each modparam that is a
 *	                                                                       name of cfg_find_attribute()
 *	cfg_parse_file(c, "/etc/kamailio/tls.cfg", &errors);                   when there is one
 *	cfg_config_finish(c, &errors, &warnings);                              0 only when all went well
 *
 * All problems are collected; go on after an error, to tell the operator the others as well.
 * Threads and processes: one thread fills it. A finished one may be read by several, and by forked processes.
 */
#ifndef CFG_CONFIG_H
#define CFG_CONFIG_H

#include "cfg/domain.h"

#pragma GCC visibility push(default)

enum {
	CFG_DOMAINS_MAX = 4096,
	CFG_FILE_MAX = 4 << 20, /* bytes of tls.cfg, or of all files in its folder */
	CFG_FILES_MAX = 1024,   /* in a folder */
	CFG_VALUE_MAX = 4096,   /* bytes */
};

struct cfg_config {
	char *main_config;
	struct cfg_domain **domains; /* in the order of their definition */
	unsigned count;
	struct cfg_domain globals; /* modparams without an address */
	int has_file, finished;
	int refs;
};

/* main_config: the server's main configuration file, beside which other files lie; may be NULL. One
 * reference. NULL when memory is short. */
struct cfg_config *cfg_config_new(const char *main_config);

struct cfg_config *cfg_config_ref(struct cfg_config *config);
void cfg_config_unref(struct cfg_config *config); /* takes NULL */

/*
 * One modparam that sets an attribute. Text without an address is for all domains that have no value of their
 * own (server_name, server_name_mode and server_id: for the default domains alone), "<ip>:<port>=" in front
 * of it for the server domain of that listening address, "@<ip>:<port>=" for the client domain of that remote
 * address. The last one counts. Returns 0, or -1 with a sentence in *errors.
 */
int cfg_add_param(struct cfg_config *config, const char *name, const char *text, struct cfg_errors *errors);

/* The same with a value that is a number already. */
int cfg_add_param_int(struct cfg_config *config, const char *name, int value, struct cfg_errors *errors);

/*
 * tls.cfg: a file, or a folder whose files are read in the order of their names (bytewise; those that begin
 * with a dot are left out). Modparams that set attributes have then no effect, as in the stock module, which
 * cfg_config_finish() says; only those that are ours alone (cfg/attribute.h) are defaults for all domains of
 * the file. Returns 0, or -1 with a sentence in *errors for each thing that is wrong.
 */
int cfg_parse_file(struct cfg_config *config, const char *path, struct cfg_errors *errors);

/* The same with the contents of a file; name is for messages. */
int cfg_parse_text(
	struct cfg_config *config, const char *name, const char *text, size_t len, struct cfg_errors *errors);

/*
 * Adds the default domains where there are none, lets domains of modparams inherit, puts in the defaults and
 * looks for domains that are defined twice. Once; the configuration must not change afterwards. Returns 0, or
 * -1 when *errors is not empty, whoever filled it.
 */
int cfg_config_finish(struct cfg_config *config, struct cfg_errors *errors, struct cfg_errors *warnings);

#pragma GCC visibility pop

#endif
