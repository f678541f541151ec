/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parameters of Kamailio's own TLS module, versions 5.6 to 6.1, and what we do with each, so that a
 * configuration written for it loads.
 */
#ifndef CFG_STOCK_PARAMS_H
#define CFG_STOCK_PARAMS_H

enum cfg_stock_use {
	CFG_STOCK_ATTRIBUTE,  /* set in a domain: cfg_add_param() */
	CFG_STOCK_MODULE,     /* used by the module itself */
	CFG_STOCK_NO_MEANING, /* accepted but not used; why says what is done instead */
};

enum cfg_stock_type {
	CFG_STOCK_INT,
	CFG_STOCK_STR,
};

struct cfg_stock_param {
	const char *name;
	enum cfg_stock_type type; /* the type in the stock module */
	enum cfg_stock_use use;
	const char *since; /* the first version that has it */
	const char *why;   /* CFG_STOCK_NO_MEANING: a sentence without the name, for a notice; else NULL */
};

/* modparam("tls", NAME, VALUE). The last entry's name is NULL. */
extern const struct cfg_stock_param cfg_stock_params[];

/* Settings of the group "tls" in the core's configuration framework (cfg.get, cfg.set_now_int). */
struct cfg_stock_setting {
	const char *name;
	enum cfg_stock_type type;
	int read_only;     /* 0: can be changed while the server runs */
	int min, max;      /* CFG_STOCK_INT */
	const char *param; /* the modparam that its first value comes from, or NULL */
};

extern const struct cfg_stock_setting cfg_stock_settings[];

/* The modparam with that name, or NULL. */
const struct cfg_stock_param *cfg_find_stock_param(const char *name);

#endif
