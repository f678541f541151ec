/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of parameters that the core reads at loadmodule: modparam("tls", NAME, VALUE). */
#ifndef SER_MODULE_PARAMS_TABLE_H
#define SER_MODULE_PARAMS_TABLE_H

#include "ser/host/layout.h"

extern struct host_param params_table[];

#endif
