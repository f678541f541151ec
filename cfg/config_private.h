/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the readers of modparams and tls.cfg. */
#ifndef CFG_CONFIG_PRIVATE_H
#define CFG_CONFIG_PRIVATE_H

#include "cfg/config.h"

/*
 * Appends a domain that has only place's kind, scope, file and line. Returns NULL with a sentence on error.
 */
struct cfg_domain *cfg_add_domain(
	struct cfg_config *config, const struct cfg_domain *place, struct cfg_errors *errors);

#endif
