/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The variables $tls_...; which there are: docs/selects.md. */
#ifndef SER_SCRIPT_VARIABLES_H
#define SER_SCRIPT_VARIABLES_H

#include "ser/host/layout.h"

/* The table for the core, complete after variables_prepare(), which is for loadmodule. */
extern struct host_variable variables_table[];
void variables_prepare(void);

/*
 * The value of a variable that has neither parentheses nor brackets, by its name without the dollar. Returns
 * 0; -1 where it is null; -ENOENT where there is no such variable.
 */
int variables_get(const struct host_sip_msg *msg, const struct host_str *name, struct host_str *value);

#endif
