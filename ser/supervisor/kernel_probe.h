/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this kernel supports of TLS. */
#ifndef SER_SUPERVISOR_KERNEL_PROBE_H
#define SER_SUPERVISOR_KERNEL_PROBE_H

#include "cfg/config.h"
#include "ktls/kernel.h"

enum {
	KERNEL_SUITES_TEXT = 256,
};

/*
 * Finds out what the kernel supports and logs a line about where records will live, and why. Call it in the
 * main process while it still has its rights, because the kernel loads its tls module only for CAP_NET_ADMIN.
 */
void kernel_probe_and_log(const struct cfg_config *config, struct ktls_kernel_caps *caps);

/* Whether any domain lets records go to the kernel. */
int kernel_is_wanted(const struct cfg_config *config);

/* Names of the AEADs that the kernel supports in both directions for a version, or "none". */
void kernel_list_suites(const struct ktls_kernel_caps *caps, uint16_t version, char text[KERNEL_SUITES_TEXT]);

#endif
