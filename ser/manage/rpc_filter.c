/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/manage/rpc_filter.h"

#include "ser/host/connections.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = 200,
};

static const char *const names[] = {
	[RPC_ID] = "id",
	[RPC_AFTER] = "after",
	[RPC_SRC_IP] = "src_ip",
	[RPC_DST_IP] = "dst_ip",
	[RPC_DOM] = "dom",
};

static enum rpc_filter_by by_name(const char *name)
{
	for (unsigned i = RPC_ID; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name))
			return (enum rpc_filter_by)i;
	return RPC_ALL;
}

static int read_number(const char *text, int *number)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end || n < 0 || n > INT_MAX)
		return -1;
	*number = (int)n;
	return 0;
}

static int read_address(const char *text, struct host_ip *ip)
{
	memset(ip, 0, sizeof(*ip));
	if (inet_pton(AF_INET, text, ip->u) == 1) {
		ip->af = AF_INET;
		ip->len = 4;
		return 0;
	}
	ip->af = AF_INET6;
	ip->len = sizeof(ip->u);
	return inet_pton(AF_INET6, text, ip->u) == 1 ? 0 : -1;
}

/* more: the third argument, or NULL. */
static int read_value(struct rpc_filter *f, const char *value, const char *more)
{
	int most = PAGE;

	switch (f->by) {
	case RPC_ID:
		return read_number(value, &f->id);
	case RPC_AFTER:
		if (read_number(value, &f->id) || (more && read_number(more, &most)))
			return -1;
		f->most = (unsigned)most;
		return 0;
	case RPC_SRC_IP:
	case RPC_DST_IP:
		return read_address(value, &f->ip);
	default:
		f->dom = value;
		return 0;
	}
}

int rpc_filter_read(struct host_rpc *rpc, void *ctx, struct rpc_filter *f)
{
	char *words[3], first[16]; /* set as far as there are words */
	int n = abs(rpc->scan(ctx, "*.s.s", &words[0], &words[1]));
	const char *more;

	*f = (struct rpc_filter){.by = n ? by_name(words[0]) : RPC_ALL};
	/* jsonrpcs has one buffer for all numbers of JSON that it makes texts of. */
	if (n == 2 && f->by == RPC_AFTER) {
		snprintf(first, sizeof(first), "%s", words[1]);
		words[1] = first;
		n += abs(rpc->scan(ctx, "*.s", &words[2]));
	}
	more = n > 2 ? words[2] : NULL;
	if (!n)
		return 0;
	if (f->by == RPC_ALL)
		rpc->fault(ctx, 400,
			"'%.60s' is nothing to choose connections by: use id, src_ip, dst_ip, dom or after",
			words[0]);
	else if (n < 2)
		rpc->fault(ctx, 400, "a value is missing behind %s", words[0]);
	else if (read_value(f, words[1], more))
		rpc->fault(ctx, 400, "'%.60s' is not what %s needs, which is %s", more ? more : words[1],
			words[0],
			f->by == RPC_SRC_IP || f->by == RPC_DST_IP ? "an IP address" : "a number from 0 on");
	else
		return 0;
	return -1;
}

static int is_same(const struct host_ip *a, const struct host_ip *b)
{
	return a->af == b->af && !memcmp(a->u, b->u, a->len);
}

int rpc_filter_takes(const struct rpc_filter *f, const struct host_tcp_connection *c)
{
	const struct conn *conn = c->extra_data;

	switch (f->by) {
	case RPC_ID:
		return c->id == f->id;
	case RPC_AFTER:
		return c->id > f->id && (!f->last || c->id <= f->last);
	case RPC_SRC_IP:
		return is_same(&f->ip, &c->rcv.src_ip);
	case RPC_DST_IP:
		return is_same(&f->ip, &c->rcv.dst_ip);
	case RPC_DOM:
		return conn->domain && !strcmp(f->dom, domain_name(conn->domain));
	default:
		return 1;
	}
}
