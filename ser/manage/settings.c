/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/manage/settings.h"

#include "cfg/lookup.h"
#include "cfg/stock_params.h"
#include "ser/host/layout.h"
#include "ser/host/log.h"
#include "ser/host/services.h"
#include "ser/script/selects.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SETTINGS_MAX = 40,
	PUBLISH_SECONDS = 1,
};

/* In the core's layout: one after another, numbers and pointers at multiples of their size. */
static _Alignas(struct host_str) char values[SETTINGS_MAX * sizeof(struct host_str)];
static size_t offsets[SETTINGS_MAX];
static struct host_setting definitions[SETTINGS_MAX + 1];
static void *handle = values; /* the core points it to the values in force */

static size_t align(size_t offset, size_t size)
{
	return (offset + size - 1) / size * size;
}

static void *value_of(const char *name)
{
	for (size_t i = 0; cfg_stock_settings[i].name; i++)
		if (!strcmp(cfg_stock_settings[i].name, name))
			return (char *)handle + offsets[i];
	abort();
}

int settings_number(const char *name)
{
	return __atomic_load_n((int *)value_of(name), __ATOMIC_RELAXED);
}

const char *settings_config(void)
{
	const struct host_str *s = value_of("config");

	return s->len ? s->s : NULL;
}

/*
 * Settings with an effect. Others that can change in the stock module are read-only here, and cfg.help says
 * why.
 */
static int is_changeable(const char *name)
{
	static const char *const changeable[] = {"log", "connection_timeout", "low_mem_threshold1", "config"};

	for (size_t i = 0; i < sizeof(changeable) / sizeof(changeable[0]); i++)
		if (!strcmp(changeable[i], name))
			return 1;
	return 0;
}

/* The text for cfg.help. */
static const char *describe(const struct cfg_stock_setting *s)
{
	const struct cfg_stock_param *p = s->param ? cfg_find_stock_param(s->param) : NULL;
	char *text;

	if (p && p->why)
		return p->why;
	if (asprintf(&text, "the parameter %s%s", s->param ? s->param : s->name,
		    is_changeable(s->name) ? "" : "; read at the start") < 0)
		return "";
	return text; /* never freed */
}

static struct host_setting define(const struct cfg_stock_setting *s)
{
	struct host_setting d = {.name = s->name, .min = s->min, .max = s->max, .description = describe(s)};

	d.type = s->type == CFG_STOCK_INT ? HOST_SETTING_INT : HOST_SETTING_STR;
	if (!is_changeable(s->name))
		d.type |= HOST_SETTING_READ_ONLY;
	else if (s->type == CFG_STOCK_INT)
		d.type |= HOST_SETTING_ATOMIC; /* changed in place: the core need not copy all */
	return d;
}

static size_t define_all(void)
{
	const struct cfg_stock_setting *s = cfg_stock_settings;
	size_t end = 0, size;

	for (size_t i = 0; s[i].name; i++) {
		size = s[i].type == CFG_STOCK_INT ? sizeof(int) : sizeof(struct host_str);
		offsets[i] = align(end, s[i].type == CFG_STOCK_INT ? sizeof(int) : sizeof(void *));
		end = offsets[i] + size;
		definitions[i] = define(&s[i]);
	}
	return align(end, sizeof(void *));
}

static void set(const char *name, int number)
{
	*(int *)value_of(name) = number;
}

static void set_text(const char *name, const char *text)
{
	*(struct host_str *)value_of(name) =
		(struct host_str){.s = (char *)text, .len = text ? (int)strlen(text) : 0};
}

/* Settings that are not set here stay 0 or empty, because we have nothing of the kind. */
static void fill(const struct params *p, const struct cfg_domain *d)
{
	set_text("method", cfg_domain_method(d));
	set_text("server_name", d->server_name);
	set("verify_certificate", d->verify_certificate);
	set("verify_depth", d->verify_depth);
	set("require_certificate", d->require_certificate);
	set_text("verify_client", cfg_domain_verify_client(d));
	set_text("private_key", d->private_key);
	set_text("ca_list", d->ca_list);
	set_text("ca_path", d->ca_path);
	set_text("crl", d->crl);
	set_text("certificate", d->certificate);
	set_text("cipher_list", d->cipher_list);
	set_text("config", p->config);
	set("log", p->tls_log);
	set("debug", p->tls_log);
	set("connection_timeout", p->connection_timeout);
	set("low_mem_threshold1", p->low_mem_threshold1);
	set("disable_compression", 1);
	set("ssl_release_buffers", 1);
	set("ssl_max_send_fragment", -1);
	set("send_close_notify", 1);
}

void settings_publish(void)
{
	const struct scoreboard_settings now = {
		.tls_log = settings_number("log"),
		.connection_timeout = params_silence(settings_number("connection_timeout")),
		.low_mem_threshold1 = params_low_memory(settings_number("low_mem_threshold1")),
		.max_connections = tcp_cfg->max_connections,
		.max_tls_connections = tcp_cfg->max_tls_connections,
		.conn_wq_max = tcp_cfg->conn_wq_max,
		.wq_max = tcp_cfg->wq_max,
		.log_level = host_log_level(),
		.keep_chain = selects_want_chain(),
	};

	scoreboard_set_settings(&now);
	host_publish_load();
}

static void tick(unsigned ticks, void *arg)
{
	(void)ticks;
	(void)arg;
	settings_publish();
}

int settings_declare(const struct params *p, const struct cfg_config *c)
{
	size_t size = define_all();

	fill(p, cfg_find_server(c, NULL, NULL));
	settings_publish();
	if (cfg_declare("tls", definitions, values, (int)size, &handle) ||
		register_timer(tick, NULL, PUBLISH_SECONDS) < 0) {
		ser_log(LOG_LEVEL_ERROR, "the core does not take the settings of the group tls");
		return -1;
	}
	return 0;
}
