/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A configuration: one list of domains, filled from modparams or from tls.cfg, then finished and constant
 * from then on.
 *
 *	struct cfg_errors errors = {0}, warnings = {0};
 *	struct cfg_config *c = cfg_config_new(main_config);
 *	cfg_add_param(c, "certificate", "192.0.2.1:5061=cert.pem", &errors);   for each modparam that is a
 *	                                                                       name of cfg_find_attribute()
 *	cfg_parse_file(c, "/etc/kamailio/tls.cfg", &errors);                   when there is one
 *	cfg_config_finish(c, &errors, &warnings);                              0 only when all went well
 *
 * All mistakes are collected, so go on after an error to tell the operator about the others as well. Threads
 * and processes: one thread fills it. Once finished, several threads and forked processes may read it.
 */
#ifndef CFG_CONFIG_H
#define CFG_CONFIG_H

#include "cfg/domain.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

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
	struct cfg_domain globals;  /* modparams without an address */
	struct cfg_errors warnings; /* of what was read so far; cfg_config_finish() passes them on */
	int has_file, finished;
	int refs;
};

/*
 * A new configuration with one reference, or NULL if memory is short. main_config is the server's main
 * configuration file; other file names are relative to its folder. It may be NULL.
 */
struct cfg_config *cfg_config_new(const char *main_config);

struct cfg_config *cfg_config_ref(struct cfg_config *config);
void cfg_config_unref(struct cfg_config *config); /* NULL is allowed */

/*
 * Adds a modparam that sets an attribute. Text without an address is for all domains that have no value of
 * their own (server_name, server_name_mode and server_id: only for the default domains). Text that begins
 * with "<ip>:<port>=" is for the server domain of that listening address, with "@<ip>:<port>=" for the client
 * domain of that remote address. The last one counts. Returns 0, or -1 with a sentence in *errors.
 */
int cfg_add_param(struct cfg_config *config, const char *name, const char *text, struct cfg_errors *errors);

/* The same with a number as the value. */
int cfg_add_param_int(struct cfg_config *config, const char *name, int value, struct cfg_errors *errors);

/*
 * Reads tls.cfg: a file, or a folder whose files are read in the order of their names (by bytes; names that
 * begin with a dot are skipped). Modparams that set attributes then have no effect, as in the stock module,
 * and cfg_config_finish() warns of them. Only those that the stock module lacks (cfg/attribute.h) are
 * defaults for all domains in the file. Returns 0, or -1 with a sentence in *errors for each mistake.
 */
int cfg_parse_file(struct cfg_config *config, const char *path, struct cfg_errors *errors);

/* The same with the contents of a file; name is used in messages. */
int cfg_parse_text(
	struct cfg_config *config, const char *name, const char *text, size_t len, struct cfg_errors *errors);

/*
 * Drops all but the last of domains that are defined more than once, adds missing default domains, lets
 * domains from modparams inherit, and fills in defaults. *warnings gets what is probably a mistake, with what
 * is done instead. Call it once; the configuration must not change afterwards. Returns 0, or -1 if *errors is
 * not empty, whoever filled it.
 */
int cfg_config_finish(struct cfg_config *config, struct cfg_errors *errors, struct cfg_errors *warnings);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
