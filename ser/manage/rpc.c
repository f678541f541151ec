/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/manage/rpc.h"

#include "cfg/value.h"
#include "ser/manage/counters.h"
#include "ser/manage/rpc_about.h"
#include "ser/manage/rpc_certificates.h"
#include "ser/manage/rpc_connections.h"
#include "ser/manage/rpc_options.h"
#include "ser/manage/settings.h"
#include "ser/shared/confinement.h"
#include "ser/shared/log.h"
#include "ser/shared/scoreboard.h"
#include "ser/shared/send_queue.h"
#include "ser/supervisor/kernel_probe.h"
#include "ser/supervisor/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *yes_or_why(int error)
{
	return error ? ktls_kernel_refusal(error) : "yes";
}

/* Adds a field for each version, suite and direction: "tls13_AES-128-GCM_tx". */
static void add_suites(
	struct host_rpc *rpc, void *handle, const char *version, const struct ktls_kernel_suite *suites)
{
	char name[64];

	for (int i = 0; i < KTLS_AEADS; i++) {
		snprintf(name, sizeof(name), "ktls_%s_%s_tx", version, ktls_aead_info(i)->name);
		rpc->struct_add(handle, "s", name, yes_or_why(suites[i].tx));
		snprintf(name, sizeof(name), "ktls_%s_%s_rx", version, ktls_aead_info(i)->name);
		rpc->struct_add(handle, "s", name, yes_or_why(suites[i].rx));
	}
}

static void info(struct host_rpc *rpc, void *ctx)
{
	struct host_tcp_gen_info tcp;
	void *handle;
	int keylog;

	if (!rpc_is_on(rpc, ctx))
		return;
	keylog = params_keylog(rpc_about.params);
	tcp_get_info(&tcp);
	if (rpc->add(ctx, "{", &handle) < 0)
		return;
	rpc->struct_add(handle, "dd", "max_connections", tcp.tls_max_connections, "opened_connections",
		tcp.tls_connections_no);
	/* The stock module's name. With tcp_async=yes the core queues, and core.tcp_info shows how much. */
	rpc->struct_add(handle, "d", "clear_text_write_queued_bytes", (int)send_queue_total());
	rpc->struct_add(handle, "dd", "taken_back", (int)scoreboard_sum(COUNTER_TAKEN_BACK), "not_taken_back",
		(int)scoreboard_sum(COUNTER_NOT_TAKEN_BACK));
	rpc->struct_add(handle, "ss", "keylog_file",
		keylog & KEYLOG_TO_FILE ? rpc_about.params->keylog_file : "no", "keylog_peer",
		keylog & KEYLOG_TO_PEER ? rpc_about.params->keylog_peer : "no");
	rpc->struct_add(handle, "s", "ktls",
		kernel_is_wanted(rpc_about.config) ? yes_or_why(rpc_about.caps->ulp)
						   : "no: the parameter ktls is 0");
	rpc->struct_add(handle, "s", "ktls_rekey", yes_or_why(rpc_about.caps->rekey));
	rpc->struct_add(handle, "s", "ktls_max_fragment", yes_or_why(rpc_about.caps->max_fragment));
	add_suites(rpc, handle, "tls12", rpc_about.caps->tls12);
	add_suites(rpc, handle, "tls13", rpc_about.caps->tls13);
}

/* One struct for each engine. */
static void engines(struct host_rpc *rpc, void *ctx)
{
	for (int i = 0; rpc_is_on(rpc, ctx) && i < rpc_about.params->engines; i++) {
		const struct scoreboard_engine *e = &scoreboard_engines[i];
		char confined[CONFINEMENT_TEXT];
		void *handle;

		if (rpc->add(ctx, "{", &handle) < 0)
			return;
		confinement_text(scoreboard_confined((unsigned)i), confined);
		rpc->struct_add(handle, "dddddddsdd", "engine", i, "pid", (int)e->pid, "starts",
			(int)e->starts, "handshakes", (int)scoreboard_handshakes((unsigned)i), "ready",
			(int)scoreboard_ready((unsigned)i), "relayed", (int)scoreboard_relayed((unsigned)i),
			"established", (int)scoreboard_established((unsigned)i), "confined", confined,
			"supervisor", (int)e->supervisor, "supervisor_silent", (int)e->silent);
	}
}

static void stats(struct host_rpc *rpc, void *ctx)
{
	const char *name;
	void *handle;
	long value;

	if (!rpc_is_on(rpc, ctx) || rpc->add(ctx, "{", &handle) < 0)
		return;
	for (unsigned i = 0; (name = counters_get(i, &value)); i++)
		rpc->struct_add(handle, "d", name, (int)value);
}

static int is_warning(const char *line)
{
	return !strncmp(line, RELOAD_WARNING, strlen(RELOAD_WARNING));
}

/* fault() may answer at once: whoever reads the answer finds the log complete. */
static void refuse_reload(struct host_rpc *rpc, void *ctx, char *text)
{
	char *line, *rest = text;
	unsigned lines = 0;

	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		lines++;
		ser_log(is_warning(line) ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR,
			"tls.reload changes nothing: %s", line);
	}
	/* Some transports have only room for 255 bytes. */
	rpc->fault(ctx, 500, "%.200s%s", text, lines > 1 ? " (the log has more)" : "");
}

/* Answers in the stock module's words if it has any. */
static void reload(struct host_rpc *rpc, void *ctx)
{
	static char text[RELOAD_TEXT];
	char *line, *rest = text, *file;
	int rc;

	if (!rpc_is_on(rpc, ctx))
		return;
	file = settings_config() ? cfg_resolve_path(cfg_file, settings_config()) : NULL;
	rc = reload_request(file, text);
	free(file);
	if (rc) {
		refuse_reload(rpc, ctx, text);
		return;
	}
	ser_log(LOG_LEVEL_NOTICE, "the TLS configuration was reloaded");
	rpc->add(ctx, "s", "Ok. TLS configuration reloaded.");
	while ((line = strsep(&rest, "\n")))
		if (*line)
			rpc->add(ctx, "s", line);
}

static const char *info_doc[] = {"Limits, connections, and what the kernel takes of TLS.", NULL};

static const char *engines_doc[] = {
	"The engine processes: process id (0: dead), starts, what is under way, and what was done; their "
	"supervisors: process id, and for how many seconds each has hung.",
	NULL};

static const char *list_doc[] = {"The TLS connections that are open, or some of them: id ID, src_ip ADDRESS, "
				 "dst_ip ADDRESS, dom DOMAIN, or "
				 "after ID COUNT, which gives the next ones by their ids.",
	NULL};

static const char *count_doc[] = {
	"How many TLS connections there are for each src_ip, dst_ip, dom, cipher, offload, engine or proto, "
	"whichever is named; the largest groups first.",
	NULL};

static const char *kill_doc[] = {"Closes the TLS connection with this id.", NULL};

static const char *options_doc[] = {"The module's parameters and the default server domain.", NULL};

static const char *certificates_doc[] = {
	"When certificates and revocation lists in use expire, file by file; the first to expire first.",
	NULL};

static const char *reload_doc[] = {
	"Reads tls.cfg, certificates, keys and CRLs anew. On any mistake everything stays as it was.", NULL};

static const char *stats_doc[] = {"The counters of the group tls.", NULL};

struct host_rpc_export rpc_table[] = {
	{"tls.info", info, info_doc, 0},
	{"tls.list", rpc_list, list_doc, HOST_RPC_RET_ARRAY},
	{"tls.count", rpc_count, count_doc, HOST_RPC_RET_ARRAY},
	{"tls.kill", rpc_kill, kill_doc, 0},
	{"tls.options", rpc_options, options_doc, 0},
	{"tls.certificates", rpc_certificates, certificates_doc, HOST_RPC_RET_ARRAY},
	{"tls.reload", reload, reload_doc, HOST_RPC_RET_ARRAY},
	{"tls.stats", stats, stats_doc, 0},
	{"tls.engines", engines, engines_doc, HOST_RPC_RET_ARRAY},
	{NULL, NULL, NULL, 0},
};
