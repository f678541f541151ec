/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/manage/rpc_options.h"

#include "cfg/lookup.h"
#include "ser/manage/rpc_about.h"
#include "ser/manage/settings.h"

static const char *text(const char *s)
{
	return s ? s : "";
}

/* The values that were read at the start. After tls.reload a domain's values are only in tls.cfg. */
static void add_domain(struct host_rpc *rpc, void *handle, const struct cfg_domain *d)
{
	rpc->struct_add(handle, "sddsdssss", "method", cfg_domain_method(d), "verify_certificate",
		d->verify_certificate, "verify_depth", d->verify_depth, "verify_client",
		cfg_domain_verify_client(d), "require_certificate", d->require_certificate, "private_key",
		text(d->private_key), "ca_list", text(d->ca_list), "ca_path", text(d->ca_path), "crl",
		text(d->crl));
	rpc->struct_add(handle, "sssssdd", "certificate", text(d->certificate), "cipher_list",
		text(d->cipher_list), "ciphersuites", text(d->ciphersuites), "alpn", text(d->alpn),
		"server_name", text(d->server_name), "ktls", d->ktls, "ktls_rekey_required",
		d->ktls_rekey_required);
}

void rpc_options(struct host_rpc *rpc, void *ctx)
{
	void *handle;

	if (!rpc_is_on(rpc, ctx) || rpc->add(ctx, "{", &handle) < 0)
		return;
	add_domain(rpc, handle, cfg_find_server(rpc_about.config, NULL, NULL));
	rpc->struct_add(handle, "sdddddddd", "config", text(settings_config()), "log", settings_number("log"),
		"connection_timeout", settings_number("connection_timeout"), "handshake_timeout",
		rpc_about.params->handshake_timeout, "send_timeout", rpc_about.params->send_timeout,
		"low_mem_threshold1", settings_number("low_mem_threshold1"), "engines",
		rpc_about.params->engines, "engine_nice", rpc_about.params->engine_nice, "engine_confinement",
		rpc_about.params->engine_confinement);
	rpc->struct_add(handle, "dddddssdd", "certificate_watch", rpc_about.params->certificate_watch,
		"certificate_warn_days", rpc_about.params->certificate_warn_days, "max_handshakes",
		rpc_about.params->max_handshakes, "max_handshakes_per_source",
		rpc_about.params->max_handshakes_per_source, "max_connections_per_source",
		rpc_about.params->max_connections_per_source, "limit_policy",
		params_refuse_at_limit(rpc_about.params) ? "refuse" : "wait", "session_ticket_keys",
		text(rpc_about.params->session_ticket_keys), "session_ticket_rotation",
		rpc_about.params->session_ticket_rotation, "session_tickets",
		rpc_about.params->session_tickets);
	rpc->struct_add(handle, "sdsss", "keeper", text(rpc_about.params->keeper), "keylog_mode",
		rpc_about.params->keylog_mode, "keylog_file", text(rpc_about.params->keylog_file),
		"keylog_peer", text(rpc_about.params->keylog_peer), "keylog_networks",
		text(rpc_about.params->keylog_networks));
	/* The stock module's fields, whose answers never change here. */
	rpc->struct_add(handle, "dddddd", "session_cache", 0, "disable_compression", 1, "send_close_notify",
		1, "renegotiation", 0, "ssl_release_buffers", 1, "force_run", 0);
}
