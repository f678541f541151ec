/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/outbound/event_route.h"

#include "ser/shared/log.h"

#include <string.h>

static char name[] = "tls:connection-out";
static struct host_str callback;

void event_route_prepare(const char *c)
{
	callback = (struct host_str){(char *)c, c ? (int)strlen(c) : 0};
}

static void run(void *route, struct host_sip_msg *msg, struct host_run_context *context)
{
	static struct log_limit limit;
	struct host_str event = {name, sizeof(name) - 1};
	void *engine;

	if (route) {
		run_top_route(route, msg, context);
		return;
	}
	engine = sr_kemi_eng_get();
	if (engine && sr_kemi_ctx_route(engine, context, msg, HOST_EVENT_ROUTE, &callback, &event) < 0)
		ser_log_limited(&limit, LOG_LEVEL_ERROR, "event_callback: running %s failed", callback.s);
}

int event_route_connection_out(const struct host_tcp_connection *c)
{
	struct host_run_context context = {0};
	int number = route_lookup(&event_rt, name), before = route_type;
	void *route = number >= 0 ? event_rt.routes[number] : NULL;
	struct host_sip_msg *msg;
	struct host_receive_info rcv;

	if ((!route && !callback.len) || faked_msg_init() < 0)
		return 0;
	msg = faked_msg_next();
	rcv = msg->rcv;
	msg->rcv = c->rcv;
	msg->rcv.proto_reserved1 = c->id;
	route_type = HOST_LOCAL_ROUTE;
	run(route, msg, &context);
	route_type = before;
	msg->rcv = rcv;
	return (context.flags & HOST_RUN_DROP) != 0;
}
