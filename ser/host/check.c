/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/host/check.h"

#include "ser/host/layout.h"
#include "ser/shared/log.h"
#include "ser/shared/services.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

enum {
	SOCKET = 12345, /* not a descriptor; nothing uses it */
};

/* Says what differs in a connection that tcpconn_new() made from these values, or NULL. */
static const char *differs(const struct host_tcp_connection *c, const union host_sockaddr *remote,
	const union host_sockaddr *local, const struct host_socket_info *si)
{
	if (c->s != SOCKET || c->fd != -1)
		return "its descriptors";
	if (memcmp(&c->rcv.src_su, remote, sizeof(remote->sin)))
		return "the peer's socket address";
	if (c->rcv.src_ip.af != AF_INET || c->rcv.src_ip.len != 4 ||
		memcmp(c->rcv.src_ip.u, &remote->sin.sin_addr, 4) ||
		c->rcv.src_port != ntohs(remote->sin.sin_port))
		return "the peer's address";
	if (memcmp(c->rcv.dst_ip.u, &local->sin.sin_addr, 4) || c->rcv.dst_port != ntohs(local->sin.sin_port))
		return "the local address";
	if (c->rcv.bind_address != si)
		return "the listener";
	if (c->type != HOST_PROTO_TLS || c->rcv.proto != HOST_PROTO_TLS)
		return "the protocol";
	if (c->req.buf != (const char *)(c + 1) || c->req.pos != c->req.buf || c->req.start != c->req.buf)
		return "the read buffer";
	if (c->req.b_size != (unsigned)tcp_cfg->rd_buf_size - 1)
		return "the size of the read buffer";
	if (c->timer.data != c)
		return "the timer";
#ifdef FACT_AT_host_tcp_connection_initstate
	if (c->initstate != HOST_CONN_CONNECT)
		return "the first state";
#endif
	if (c->state != HOST_CONN_CONNECT || c->refcnt || c->extra_data || c->flags || c->write_lock ||
		c->wbuf_first)
		return "state, flags or locks";
	return NULL;
}

static struct host_tcp_connection *make(union host_sockaddr *remote, union host_sockaddr *local)
{
	return tcpconn_new(SOCKET, remote, local, tls_listen, HOST_PROTO_TLS, HOST_CONN_CONNECT);
}

static const char *check_connections(void)
{
	union host_sockaddr remote = {.sin = {.sin_family = AF_INET, .sin_port = htons(10000)}};
	union host_sockaddr local = {.sin = {.sin_family = AF_INET, .sin_port = htons(5061)}};
	struct host_tcp_connection *a, *b;
	const char *what = "tcpconn_new() fails";

	inet_pton(AF_INET, "192.0.2.1", &remote.sin.sin_addr);
	inet_pton(AF_INET, "192.0.2.2", &local.sin.sin_addr);
	a = make(&remote, &local);
	b = a ? make(&remote, &local) : NULL;
	if (b) {
		what = differs(a, &remote, &local, tls_listen);
		if (!what && b->id != a->id + 1)
			what = "the connection's id";
	}
	if (b)
		services.memory.release(b);
	if (a)
		services.memory.release(a);
	return what;
}

static const char *check_listeners(const struct host_check_parts *parts)
{
	for (unsigned i = 0; i < parts->listener_count; i++) {
		const struct host_socket_info *si = parts->listener(i);
		struct sockaddr_in6 addr;
		socklen_t len = sizeof(addr);

		/* The first eight bytes hold family, port and, for IPv4, the address. */
		if (getsockname(parts->sockets[i], (struct sockaddr *)&addr, &len) ||
			memcmp(&addr, &si->su, 8) || ntohs(addr.sin6_port) != si->port_no)
			return "a listener's address";
	}
	return NULL;
}

/* The file that was opened may be that of another layout, by a wrong name. */
static const char *check_release(void)
{
	static const char *const releases[] = {FACT_RELEASES};
	char release[16];

	if (sscanf(full_version, "kamailio %15[0-9.]", release) == 1)
		for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++)
			if (!strcmp(releases[i], release))
				return NULL;
	return "its release";
}

/* What the core's symbol table says of the size of a variable, 0 if nothing. */
static size_t size_of_symbol(const char *name)
{
	const ElfW(Sym) *symbol = NULL;
	void *address = dlsym(RTLD_DEFAULT, name);
	Dl_info info;

	if (!address || !dladdr1(address, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol)
		return 0;
	return symbol->st_size;
}

static const char *check_sizes(void)
{
	static const struct {
		const char *symbol;
		size_t size;
		const char *what;
	} known[] = {
		{"tls_hook", FACT_SIZE_host_tls_hooks, "the size of the TLS hooks"},
		{"tcp_default_cfg", FACT_SIZE_host_cfg_tcp, "the size of the TCP settings"},
		{"_shm_root", FACT_SIZE_host_shm_api, "the size of the memory's functions"},
		{"event_rt", FACT_SIZE_host_route_list, "the size of a list of routes"},
		{"tcp_cnts_h", FACT_SIZE_host_tcp_counters, "the size of the TCP counters"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (size_of_symbol(known[i].symbol) != known[i].size)
			return known[i].what;
	return NULL;
}

/* The core writes a null value; its flags are behind its number. */
static const char *check_values(void)
{
	struct host_value value[2];

	memset(value, 0xff, sizeof(value));
	pv_get_null(NULL, NULL, value);
	return value[0].i || value[0].flags != HOST_VALUE_NULL ? "the value of a variable" : NULL;
}

int host_check(const struct host_check_parts *parts)
{
	const char *what;

	what = check_release();
	if (!what)
		what = check_sizes();
	if (!what && memcmp(&tls_hook, parts->hooks, sizeof(tls_hook)))
		what = "the TLS hooks";
	if (!what)
		what = check_values();
	if (!what)
		what = check_listeners(parts);
	if (!what && tls_listen) {
		parts->accepted(1);
		what = check_connections();
		parts->accepted(0);
	}
	if (!what)
		return 0;
	ser_log(LOG_LEVEL_CRITICAL,
		"this core (%s) is not laid out as the module knows it: %s differs; build the module from "
		"the "
		"source of this core with -DKAMAILIO_SOURCE_DIR=FOLDER",
		full_version, what);
	return -1;
}
