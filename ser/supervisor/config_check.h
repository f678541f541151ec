/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds mistakes in certificates and keys before SER runs. */
#ifndef SER_SUPERVISOR_CONFIG_CHECK_H
#define SER_SUPERVISOR_CONFIG_CHECK_H

#include "cfg/config.h"
#include "ser/shared/params.h"

/*
 * For the main process before it forks others: builds all contexts of a finished configuration and throws
 * them away, to find mistakes. It does so in a child process and waits for it, so that neither private keys
 * nor leftovers of a token's library get into SER's processes. The child has the rights that SER will have.
 * Appends sentences. Returns 0, or -1 with at least one sentence in *errors.
 */
int config_check_contexts(struct cfg_config *config, const struct params *params, struct cfg_errors *errors,
	struct cfg_errors *warnings);

#endif
