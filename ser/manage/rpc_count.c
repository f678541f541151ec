/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls.count: how many connections have something in common. */
#include "ser/manage/rpc_about.h"
#include "ser/manage/rpc_connections.h"
#include "ser/manage/rpc_entries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	GROUPS = 200, /* the rest is one group */
	GROUP_TEXT = RPC_CIPHER_TEXT,
};

struct group {
	unsigned connections;
	char text[GROUP_TEXT];
};

static void write_src_ip(const struct rpc_entry *e, char *text)
{
	rpc_ip(&e->src_ip, text);
}

static void write_dst_ip(const struct rpc_entry *e, char *text)
{
	rpc_ip(&e->dst_ip, text);
}

static void write_dom(const struct rpc_entry *e, char *text)
{
	snprintf(text, GROUP_TEXT, "%s", e->conn->domain ? domain_name(e->conn->domain) : "");
}

static void write_cipher(const struct rpc_entry *e, char *text)
{
	rpc_cipher(e->conn, text);
}

static void write_offload(const struct rpc_entry *e, char *text)
{
	snprintf(text, GROUP_TEXT, "%s", rpc_home(e->conn, KTLS_NIC_TX | KTLS_NIC_RX));
}

static void write_engine(const struct rpc_entry *e, char *text)
{
	snprintf(text, GROUP_TEXT, "%d", e->conn->engine);
}

static void write_proto(const struct rpc_entry *e, char *text)
{
	snprintf(text, GROUP_TEXT, "%s", rpc_proto(e));
}

static const struct feature {
	const char *name;
	void (*write)(const struct rpc_entry *e, char *text);
} features[] = {
	{"src_ip", write_src_ip},
	{"dst_ip", write_dst_ip},
	{"dom", write_dom},
	{"cipher", write_cipher},
	{"offload", write_offload},
	{"engine", write_engine},
	{"proto", write_proto},
};

static const struct feature *feature_of(const char *name)
{
	for (unsigned i = 0; i < sizeof(features) / sizeof(*features); i++)
		if (!strcmp(features[i].name, name))
			return &features[i];
	return NULL;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct group *)a)->text, ((const struct group *)b)->text);
}

static int by_size(const void *a, const void *b)
{
	unsigned left = ((const struct group *)a)->connections,
		 right = ((const struct group *)b)->connections;

	return left == right ? by_text(a, b) : (left < right) - (left > right);
}

/* Makes one of those that are alike; returns how many are left. */
static unsigned unite(struct group *groups, unsigned n)
{
	unsigned last = 0;

	if (!n)
		return 0;
	qsort(groups, n, sizeof(*groups), by_text);
	for (unsigned i = 1; i < n; i++) {
		if (!by_text(&groups[i], &groups[last]))
			groups[last].connections++;
		else
			groups[++last] = groups[i];
	}
	qsort(groups, last + 1, sizeof(*groups), by_size);
	return last + 1;
}

static void add_group(struct host_rpc *rpc, void *ctx, const char *text, unsigned connections)
{
	void *handle;

	if (rpc->add(ctx, "{", &handle) >= 0)
		rpc->struct_add(handle, "sd", "group", text, "connections", (int)connections);
}

static void add_groups(struct host_rpc *rpc, void *ctx, struct group *groups, unsigned n)
{
	unsigned others = 0;

	for (unsigned i = 0; i < n; i++) {
		if (i < GROUPS)
			add_group(rpc, ctx, groups[i].text, groups[i].connections);
		else
			others += groups[i].connections;
	}
	if (others)
		add_group(rpc, ctx, "(others)", others);
}

/* One for each connection. NULL: memory is used up. */
static struct group *make_groups(const struct rpc_entry *entries, unsigned n, const struct feature *f)
{
	struct group *groups = malloc((n + 1) * sizeof(*groups));

	for (unsigned i = 0; groups && i < n; i++) {
		groups[i].connections = 1;
		f->write(&entries[i], groups[i].text);
	}
	return groups;
}

void rpc_count(struct host_rpc *rpc, void *ctx)
{
	static const struct rpc_filter all = {.by = RPC_ALL};
	const struct feature *feature = NULL;
	struct rpc_entry *entries;
	struct group *groups;
	char *name;
	unsigned n;

	if (!rpc_is_on(rpc, ctx))
		return;
	if (rpc->scan(ctx, "s", &name) == 1)
		feature = feature_of(name);
	if (!feature) {
		rpc->fault(ctx, 400,
			"tls.count needs what to count by: src_ip, dst_ip, dom, cipher, offload, engine or "
			"proto");
		return;
	}
	entries = rpc_take(rpc, ctx, &all, &n);
	if (!entries)
		return;
	groups = make_groups(entries, n, feature);
	if (groups)
		add_groups(rpc, ctx, groups, unite(groups, n));
	else
		rpc->fault(ctx, 500, "memory is used up");
	free(groups);
	rpc_give_back(entries, n);
}
