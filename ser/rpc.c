/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/rpc.h"

#include "ser/board.h"
#include "ser/counters.h"
#include "ser/kernel_probe.h"
#include "ser/send_queue.h"

#include <stdio.h>
#include <string.h>

static const struct params *params;
static const struct ktls_kernel_caps *caps;

void rpc_init(const struct params *p, const struct ktls_kernel_caps *c)
{
	params = p;
	caps = c;
}

/* An error in the words of the system, "yes" for none. */
static const char *yes_or_why(int error)
{
	return error ? strerror(-error) : "yes";
}

/* One field for each version, suite and direction: "tls13_AES-128-GCM_tx". */
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

	tcp_get_info(&tcp);
	if (rpc->add(ctx, "{", &handle) < 0)
		return;
	rpc->struct_add(handle, "dd", "max_connections", tcp.tls_max_connections, "opened_connections",
		tcp.tls_connections_no);
	/* The stock module's name. With tcp_async=yes the core queues, and core.tcp_info has its figure. */
	rpc->struct_add(handle, "d", "clear_text_write_queued_bytes", (int)send_queue_total());
	rpc->struct_add(handle, "s", "ktls",
		params->ktls.others || params->ktls.count ? yes_or_why(caps->ulp)
							  : "no: the parameter ktls is 0");
	rpc->struct_add(handle, "s", "ktls_rekey", yes_or_why(caps->rekey));
	add_suites(rpc, handle, "tls12", caps->tls12);
	add_suites(rpc, handle, "tls13", caps->tls13);
}

/* One struct for each engine. */
static void engines(struct host_rpc *rpc, void *ctx)
{
	for (int i = 0; i < params->engines; i++) {
		const struct board_engine *e = &board_engines[i];
		void *handle;

		if (rpc->add(ctx, "{", &handle) < 0)
			return;
		rpc->struct_add(handle, "dddddd", "engine", i, "pid", (int)e->pid, "starts", (int)e->starts,
			"handshakes", (int)e->handshakes, "relayed", (int)e->relayed, "established",
			(int)e->established);
	}
}

static void stats(struct host_rpc *rpc, void *ctx)
{
	const char *name;
	void *handle;
	long value;

	if (rpc->add(ctx, "{", &handle) < 0)
		return;
	for (unsigned i = 0; (name = counters_get(i, &value)); i++)
		rpc->struct_add(handle, "d", name, (int)value);
}

static const char *info_doc[] = {"Limits, connections, and what the kernel takes of TLS.", NULL};

static const char *engines_doc[] = {
	"The engine processes: process id (0: dead), starts, what is under way, and what was done.", NULL};

static const char *stats_doc[] = {"The counters of the group tls.", NULL};

struct host_rpc_export rpc_table[] = {
	{"tls.info", info, info_doc, 0},
	{"tls.stats", stats, stats_doc, 0},
	{"tls.engines", engines, engines_doc, HOST_RPC_RET_ARRAY},
	{NULL, NULL, NULL, 0},
};
