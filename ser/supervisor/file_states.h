/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the files of a configuration stayed as they were while several processes read them. */
#ifndef SER_SUPERVISOR_FILE_STATES_H
#define SER_SUPERVISOR_FILE_STATES_H

#include "cfg/config.h"
#include "ser/shared/params.h"

/*
 * A number that changes when one of these files is replaced or written: those that the configuration was read
 * from and those that it names, and the keys of session tickets.
 */
uint64_t file_states(const struct cfg_config *config, const struct params *params);

/* Each file and folder that a domain names; those that it does not name are NULL, keys in a token are URIs.
 */
void file_states_each(const struct cfg_domain *d, void (*f)(void *arg, const char *path), void *arg);

/* The same number for a single file or folder. */
uint64_t file_state(const char *path);

#endif
