/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/module/params_table.h"

#include "ser/module/params_names.h"
#include "ser/shared/params.h"

#define FUNCTIONS(name)                                                                                      \
	static int text_##name(unsigned type, void *value)                                                   \
	{                                                                                                    \
		(void)type;                                                                                  \
		return params_keep(#name, value, 0);                                                         \
	}                                                                                                    \
	static int number_##name(unsigned type, void *value)                                                 \
	{                                                                                                    \
		(void)type;                                                                                  \
		return params_keep(#name, NULL, (int)(intptr_t)value);                                       \
	}
PARAMS_ALL(FUNCTIONS)

#define ROWS(name)                                                                                           \
	{#name, HOST_PARAM_STRING | HOST_PARAM_USE_FUNC, (void *)text_##name},                               \
		{#name, HOST_PARAM_INT | HOST_PARAM_USE_FUNC, (void *)number_##name},

struct host_param params_table[] = {PARAMS_ALL(ROWS){NULL, 0, NULL}};
