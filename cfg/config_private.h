/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the front ends. */
#ifndef CFG_CONFIG_PRIVATE_H
#define CFG_CONFIG_PRIVATE_H

#include "cfg/config.h"

/* Appends a domain with place's kind, scope, file and line and nothing else. NULL with a sentence. */
struct cfg_domain *cfg_add_domain(
	struct cfg_config *config, const struct cfg_domain *place, struct cfg_errors *errors);

#endif
