/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The variables $tls_...; docs/selects.md lists them. */
#ifndef SER_SCRIPT_VARIABLES_H
#define SER_SCRIPT_VARIABLES_H

#include "ser/host/layout.h"

/* The table for the core. variables_prepare(), called at loadmodule, completes it. */
extern struct host_variable variables_table[];
void variables_prepare(void);

/*
 * The value of a variable without parentheses and brackets, by its name without the dollar. Returns 0; -1 if
 * it is null; -ENOENT if there is no such variable.
 */
int variables_get(const struct host_sip_msg *msg, const struct host_str *name, struct host_str *value);

#endif
