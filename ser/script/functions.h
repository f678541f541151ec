/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions that scripts can call: in the native language, and as KSR.tls in all others (KEMI). */
#ifndef SER_SCRIPT_FUNCTIONS_H
#define SER_SCRIPT_FUNCTIONS_H

#include "ser/host/layout.h"

extern struct host_command functions_table[];

/* Registers KSR.tls; call it at loadmodule. Returns 0 or -1. */
int functions_register_kemi(void);

#endif
