/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What scripts can call: functions of the native language, and KSR.tls of all others (KEMI). */
#ifndef SER_SCRIPT_FUNCTIONS_H
#define SER_SCRIPT_FUNCTIONS_H

#include "ser/host/layout.h"

extern struct host_command functions_table[];

/* Makes KSR.tls known; for loadmodule. Returns 0 or -1. */
int functions_register_kemi(void);

/* What the script said last in this process with tls_set_connect_server_id(); empty when nothing. */
struct host_str functions_connect_server_id(void);

/* It was good for one message. */
void functions_forget_server_id(void);

#endif
