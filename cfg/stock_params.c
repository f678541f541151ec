/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/stock_params.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

#define ATTRIBUTE(name, type, since)                                                                         \
	{                                                                                                    \
		name, CFG_STOCK_##type, CFG_STOCK_ATTRIBUTE, since, NULL                                     \
	}
#define MODULE(name, type, since)                                                                            \
	{                                                                                                    \
		name, CFG_STOCK_##type, CFG_STOCK_MODULE, since, NULL                                        \
	}
#define NO_MEANING(name, type, since, reason)                                                                \
	{                                                                                                    \
		name, CFG_STOCK_##type, CFG_STOCK_NO_MEANING, since, reason                                  \
	}

static const char no_ssl_buffers[] = "a connection keeps no OpenSSL object after its handshake, so there are "
				     "no buffers of OpenSSL's to tune";
static const char no_cache[] =
	"sessions are resumed by tickets alone, which work whichever process takes the connection";
static const char no_engine[] = "OpenSSL 3 retires engines; load a provider in openssl.cnf and name the key "
				"as private_key = \"/uri:pkcs11:...\"";
static const char no_fork_trouble[] =
	"the server's workers never use libssl, so that nothing of it has to survive a fork";

const struct cfg_stock_param cfg_stock_params[] = {
	ATTRIBUTE("tls_method", STR, "5.6"),
	ATTRIBUTE("server_name", STR, "5.6"),
	ATTRIBUTE("verify_certificate", INT, "5.6"),
	ATTRIBUTE("verify_depth", INT, "5.6"),
	ATTRIBUTE("require_certificate", INT, "5.6"),
	ATTRIBUTE("verify_client", STR, "5.6"),
	ATTRIBUTE("private_key", STR, "5.6"),
	ATTRIBUTE("private_key_password", STR, "6.0"),
	ATTRIBUTE("ca_list", STR, "5.6"),
	ATTRIBUTE("ca_path", STR, "5.6"),
	ATTRIBUTE("certificate", STR, "5.6"),
	ATTRIBUTE("crl", STR, "5.6"),
	ATTRIBUTE("cipher_list", STR, "5.6"),
	MODULE("config", STR, "5.6"),
	MODULE("connection_timeout", INT, "5.6"),
	MODULE("tls_log", INT, "5.6"),
	MODULE("low_mem_threshold1", INT, "5.6"),
	MODULE("con_ct_wq_max", INT, "5.6"),
	MODULE("ct_wq_max", INT, "5.6"),
	MODULE("xavp_cfg", STR, "5.6"),
	MODULE("event_callback", STR, "5.6"),
	MODULE("keylog_mode", INT, "6.1"),
	MODULE("keylog_file", STR, "6.1"),
	MODULE("keylog_peer", STR, "6.1"),
	NO_MEANING("tls_debug", INT, "5.6", "tls_log is the level of all lines about connections"),
	NO_MEANING("low_mem_threshold2", INT, "5.6",
		"existing connections take no shared memory for TLS; low_mem_threshold1 refuses new ones"),
	NO_MEANING("tls_force_run", INT, "5.6", "there is no check to force one's way past"),
	NO_MEANING("tls_disable_compression", INT, "5.6", "TLS compression is never used (CRIME)"),
	NO_MEANING("ssl_release_buffers", INT, "5.6", no_ssl_buffers),
	NO_MEANING("ssl_freelist_max_len", INT, "5.6", no_ssl_buffers),
	NO_MEANING("ssl_max_send_fragment", INT, "5.6", no_ssl_buffers),
	NO_MEANING("ssl_read_ahead", INT, "5.6", no_ssl_buffers),
	NO_MEANING("send_close_notify", INT, "5.6", "close_notify is always sent"),
	NO_MEANING("ct_wq_blk_size", INT, "5.6",
		"what waits for a handshake takes the memory that it needs; see con_ct_wq_max"),
	NO_MEANING("renegotiation", INT, "5.6", "renegotiation is always refused"),
	NO_MEANING("session_cache", INT, "5.6", no_cache),
	NO_MEANING("session_id", STR, "5.6", no_cache),
	NO_MEANING("rand_engine", STR, "5.6", "OpenSSL 3 has its own random generator, safe across forks"),
	NO_MEANING("engine", STR, "5.6", no_engine),
	NO_MEANING("engine_config", STR, "5.6", no_engine),
	NO_MEANING("engine_algorithms", STR, "5.6", no_engine),
	NO_MEANING("init_mode", INT, "5.7", no_fork_trouble),
	NO_MEANING("key_password_mode", INT, "6.0",
		"a server has no terminal to ask at; set private_key_password"),
	NO_MEANING("provider_quirks", INT, "6.0", no_fork_trouble),
	NO_MEANING("provider_quirks_config", STR, "6.1", no_fork_trouble),
	{NULL, CFG_STOCK_INT, CFG_STOCK_NO_MEANING, NULL, NULL},
};

/* The ranges are the stock module's; cfg.help shows them to operators. */
const struct cfg_stock_setting cfg_stock_settings[] = {
	{"force_run", CFG_STOCK_INT, 1, 0, 1, "tls_force_run"},
	{"method", CFG_STOCK_STR, 1, 0, 0, "tls_method"},
	{"server_name", CFG_STOCK_STR, 1, 0, 0, "server_name"},
	{"server_name_mode", CFG_STOCK_INT, 1, 0, 1, NULL},
	{"server_id", CFG_STOCK_STR, 1, 0, 0, NULL},
	{"verify_certificate", CFG_STOCK_INT, 1, 0, 1, "verify_certificate"},
	{"verify_depth", CFG_STOCK_INT, 1, 0, 100, "verify_depth"},
	{"require_certificate", CFG_STOCK_INT, 1, 0, 1, "require_certificate"},
	{"verify_client", CFG_STOCK_STR, 1, 0, 0, "verify_client"},
	{"private_key", CFG_STOCK_STR, 1, 0, 0, "private_key"},
	{"ca_list", CFG_STOCK_STR, 1, 0, 0, "ca_list"},
	{"ca_path", CFG_STOCK_STR, 1, 0, 0, "ca_path"},
	{"crl", CFG_STOCK_STR, 1, 0, 0, "crl"},
	{"certificate", CFG_STOCK_STR, 1, 0, 0, "certificate"},
	{"cipher_list", CFG_STOCK_STR, 1, 0, 0, "cipher_list"},
	{"session_cache", CFG_STOCK_INT, 1, 0, 1, "session_cache"},
	{"session_id", CFG_STOCK_STR, 1, 0, 0, "session_id"},
	{"config", CFG_STOCK_STR, 0, 0, 0, "config"},
	{"log", CFG_STOCK_INT, 0, 0, 1000, "tls_log"},
	{"debug", CFG_STOCK_INT, 0, 0, 1000, "tls_debug"},
	{"connection_timeout", CFG_STOCK_INT, 0, -1, INT_MAX, "connection_timeout"},
	{"disable_compression", CFG_STOCK_INT, 1, 0, 1, "tls_disable_compression"},
	{"ssl_release_buffers", CFG_STOCK_INT, 1, -1, 1, "ssl_release_buffers"},
	{"ssl_free_list_max", CFG_STOCK_INT, 1, -1, 1 << 30, "ssl_freelist_max_len"},
	{"ssl_max_send_fragment", CFG_STOCK_INT, 1, -1, 65536, "ssl_max_send_fragment"},
	{"ssl_read_ahead", CFG_STOCK_INT, 1, -1, 1, "ssl_read_ahead"},
	{"low_mem_threshold1", CFG_STOCK_INT, 0, -1, 1 << 30, "low_mem_threshold1"},
	{"low_mem_threshold2", CFG_STOCK_INT, 0, -1, 1 << 30, "low_mem_threshold2"},
	{"ct_wq_max", CFG_STOCK_INT, 0, 0, 1 << 30, "ct_wq_max"},
	{"con_ct_wq_max", CFG_STOCK_INT, 0, 0, 4 << 20, "con_ct_wq_max"},
	{"ct_wq_blk_size", CFG_STOCK_INT, 0, 1, 65536, "ct_wq_blk_size"},
	{"send_close_notify", CFG_STOCK_INT, 0, 0, 1, "send_close_notify"},
	{NULL, CFG_STOCK_INT, 0, 0, 0, NULL},
};

const struct cfg_stock_param *cfg_find_stock_param(const char *name)
{
	for (const struct cfg_stock_param *p = cfg_stock_params; p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}
