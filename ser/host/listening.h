/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the core listens where server domains say that connections come in. */
#ifndef SER_HOST_LISTENING_H
#define SER_HOST_LISTENING_H

#include "cfg/config.h"

/*
 * Appends a warning for each server domain with an address at which the core has no TLS listener: probably it
 * has a mistake. For any of the core's processes, when the core knows its listeners.
 */
void listening_warn(const struct cfg_config *config, struct cfg_errors *warnings);

#endif
