/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What scripts can call: functions of the native language, and KSR.tls of all others (KEMI). */
#ifndef SER_SCRIPT_FUNCTIONS_H
#define SER_SCRIPT_FUNCTIONS_H

#include "ser/host/layout.h"

extern struct host_command functions_table[];

/* Makes KSR.tls known; for loadmodule. Returns 0 or -1. */
int functions_register_kemi(void);

#endif
