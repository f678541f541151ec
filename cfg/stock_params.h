/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Kamailio's own TLS module lets one set, versions 5.6 to 6.1, and what becomes of it here, so that a
 * configuration written for it loads.
 */
#ifndef CFG_STOCK_PARAMS_H
#define CFG_STOCK_PARAMS_H

enum cfg_stock_use {
	CFG_STOCK_ATTRIBUTE,  /* of a domain: cfg_add_param() */
	CFG_STOCK_MODULE,     /* the module itself acts on it */
	CFG_STOCK_NO_MEANING, /* accepted; why says what is done instead */
};

enum cfg_stock_type {
	CFG_STOCK_INT,
	CFG_STOCK_STR,
};

struct cfg_stock_param {
	const char *name;
	enum cfg_stock_type type; /* as the stock module declares it */
	enum cfg_stock_use use;
	const char *since; /* first version that has it */
	const char *why;   /* CFG_STOCK_NO_MEANING: a sentence without the name, for one notice; else NULL */
};

/* modparam("tls", NAME, VALUE); ends with a name that is NULL. */
extern const struct cfg_stock_param cfg_stock_params[];

/* Settings of the group "tls" in the core's configuration framework (cfg.get, cfg.set_now_int). */
struct cfg_stock_setting {
	const char *name;
	enum cfg_stock_type type;
	int read_only;     /* 0: may change while the server runs */
	int min, max;      /* CFG_STOCK_INT */
	const char *param; /* name of the modparam that gives its first value, or NULL */
};

extern const struct cfg_stock_setting cfg_stock_settings[];

/* The modparam of that name or NULL. */
const struct cfg_stock_param *cfg_find_stock_param(const char *name);

#endif
