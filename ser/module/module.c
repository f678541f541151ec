/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The module as the host sees it: what loadmodule, modparam and the start-up call. The order of the calls is:
 * layout_register() at loadmodule; mod_init() when the configuration is read; the hook init_si for each
 * listener; child_init() with PROC_INIT before and with PROC_MAIN after the first workers are forked, then
 * once in every further process.
 */
#include "cfg/openssl_config.h"
#include "ktls/cipher.h"
#include "ser/connection/drain.h"
#include "ser/connection/hooks.h"
#include "ser/connection/keep.h"
#include "ser/connection/listeners.h"
#include "ser/connection/shutdown.h"
#include "ser/host/check.h"
#include "ser/host/layout.h"
#include "ser/host/listening.h"
#include "ser/host/newer.h"
#include "ser/host/services.h"
#include "ser/manage/counters.h"
#include "ser/manage/rpc.h"
#include "ser/manage/rpc_about.h"
#include "ser/manage/settings.h"
#include "ser/module/params_table.h"
#include "ser/outbound/descriptor_swap.h"
#include "ser/outbound/outbound.h"
#include "ser/script/functions.h"
#include "ser/script/selects.h"
#include "ser/script/variables.h"
#include "ser/sending/drainer.h"
#include "ser/shared/expiries.h"
#include "ser/shared/lock.h"
#include "ser/shared/log.h"
#include "ser/shared/params.h"
#include "ser/shared/scoreboard.h"
#include "ser/shared/ticket_keys.h"
#include "ser/supervisor/certificate_watch.h"
#include "ser/supervisor/config_check.h"
#include "ser/supervisor/kernel_probe.h"
#include "ser/supervisor/privileges.h"
#include "ser/supervisor/reload.h"
#include "ser/supervisor/supervisor.h"
#include "ser/supervisor/supervisor_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* tls.so takes these (ser/loader/loader.c). */
EXPORT int layout_register(char *path, int *dlflags, void *reserved1, void *reserved2);
EXPORT extern struct host_module_exports layout_exports;

static struct params params;
static struct ktls_kernel_caps caps;

static struct cfg_config *config;

/* Goes on after a mistake, to report as many as possible. */
static int take_config(void)
{
	static struct cfg_errors errors, warnings;
	struct cfg_error e;

	if (cfg_check_openssl(&e)) {
		ser_log(LOG_LEVEL_ERROR, "%s", e.text);
		return -1; /* nothing else would work */
	}
	if (!params_take(&params, &errors, &warnings) && ticket_keys_init(&params, &e))
		cfg_add_error(&errors, "%s", e.text);
	config = params_domains(params.config, &errors, &warnings);
	if (config) {
		listening_warn(config, &warnings);
		config_check_contexts(config, &params, &errors, &warnings);
	}
	params_log(LOG_LEVEL_WARNING, &warnings);
	params_log(LOG_LEVEL_ERROR, &errors);
	return errors.count ? -1 : 0;
}

/*
 * kamailio -c ends before mod_init(), with exit code 0, so mistakes in the module's parameters would pass. An
 * exit handler is the only place left to find them.
 */
static void check_at_exit(void)
{
	/*
	 * If the configuration has already failed, the core has destroyed its memory and the parameters in
	 * it.
	 */
	if (!shm_initialized())
		return;
	if (!geteuid() && !uid)
		ser_log(LOG_LEVEL_WARNING, "kamailio -c runs as root, who may read everything: if SER runs "
					   "as another user, name it (kamailio "
					   "-c -u USER), or this says nothing about that user's rights");
	if (take_config())
		_exit(1);
}

static int is_off(void)
{
	return tls_disable;
}

static void say_off(void)
{
	ser_log(LOG_LEVEL_WARNING, "TLS is off: put enable_tls=yes in front of loadmodule \"tls.so\"");
}

int layout_register(char *path, int *dlflags, void *reserved1, void *reserved2)
{
	(void)path;
	(void)dlflags;
	(void)reserved1;
	(void)reserved2;
	host_provide_services();
	params_set_base(cfg_file);
	variables_prepare();
	if (selects_register() || functions_register_kemi()) {
		ser_log(LOG_LEVEL_ERROR, "the core does not take the module's selects and functions");
		return -1;
	}
	if (is_off()) {
		say_off();
		return 0;
	}
	if (!shm_initialized() && init_shm() < 0)
		return -1;
	if (hooks_register()) {
		ser_log(LOG_LEVEL_ERROR, "the core does not take the module's hooks");
		return -1;
	}
	if (config_check)
		atexit(check_at_exit);
	return 0;
}

static int mod_init(void)
{
	if (is_off()) {
		say_off();
		return 0;
	}
	if (host_refuse_settings() || take_config())
		return -1;
	if (drainer_prepare((unsigned)params.send_timeout) || reload_prepare(&params) ||
		outbound_prepare(&params) || expiries_prepare()) {
		ser_log(LOG_LEVEL_ERROR, "shared memory or descriptors are used up before the start");
		return -1;
	}
	keep_prepare(params.keeper);
	if (params.keeper && drain_prepare()) {
		ser_log(LOG_LEVEL_ERROR,
			"shared memory is used up before the start: raise it with kamailio -m");
		return -1;
	}
	kernel_probe_and_log(config, &caps);
	privileges_prepare();
	rpc_about = (struct rpc_about){.params = &params, .config = config, .caps = &caps};
	if (scoreboard_init()) {
		ser_log(LOG_LEVEL_ERROR, "no memory is left for the TLS engine");
		return -1;
	}
	ktls_cipher_share(scoreboard_keys_gone);
	if (settings_declare(&params, config) || counters_register() || supervisor_watch_start(&params))
		return -1;
	register_procs(params.engines + !!params.certificate_watch);
	register_fds(LISTENERS_MAX); /* the core counts tcp_max_connections itself */
	return 0;
}

static int start_engines(void)
{
	int rc = ticket_keys_inherit(1);

	settings_publish();
	for (int i = 0; !rc && i < params.engines; i++)
		rc = supervisor_start((unsigned)i, &params, &caps, config);
	ticket_keys_forget();
	return rc || !params.certificate_watch ? rc
					       : certificate_watch_start((unsigned)params.certificate_watch);
}

/* The core adds its connections to get_max_open_fds() later, and does not raise the limit. */
static void make_room_for_connections(void)
{
	struct host_tcp_gen_info tcp;
	unsigned long room;

	tcp_get_info(&tcp);
	room = privileges_raise_files(
		(unsigned long)get_max_open_fds() + (unsigned long)tcp.tcp_max_connections);
	if (room < (unsigned long)tcp.tcp_max_connections)
		ser_log(LOG_LEVEL_WARNING,
			"a process may open %lu descriptors, too few for tcp_max_connections (%d): those "
			"beyond are lost; raise the hard limit of open files (LimitNOFILE, ulimit -Hn)",
			room, tcp.tcp_max_connections);
}

static int check_host(void)
{
	struct host_check_parts parts = {
		.hooks = hooks_registered(), .listener = listeners_core, .accepted = hooks_inject};

	parts.sockets = listeners_all(&parts.listener_count);
	return host_check(&parts);
}

static int child_init(int rank)
{
	if (is_off())
		return 0;
	switch (rank) {
	case HOST_PROC_INIT:
		if (check_host())
			return -1;
		make_room_for_connections();
		return 0;
	case HOST_PROC_MAIN:
		return start_engines();
	case HOST_PROC_POSTCHILDINIT:
		return 0; /* the main process keeps the listeners, to close them at the end */
	case HOST_PROC_TCP_MAIN:
		shutdown_prepare();
		descriptor_swap_serve();
		break;
	}
	listeners_close();
	return 0;
}

/*
 * Runs in the main process after all others have ended, or after the start failed. The core's connections are
 * cleaned up behind it.
 */
static void destroy(void)
{
	lock_be_last();
	listeners_stop();
}

struct host_module_exports layout_exports = {
	.name = "tls",
	.commands = functions_table,
	.variables = variables_table,
	.params = params_table,
	.rpc = rpc_table,
	.mod_init = mod_init,
	.child_init = child_init,
	.destroy = destroy,
};
