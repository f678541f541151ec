/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/host/check.h"

#include "ser/host/check_connections.h"
#include "ser/host/layout.h"
#include "ser/shared/log.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

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

/* What the core writes into structures of ours; all of their bytes are set before. */
static const char *check_values(void)
{
	struct host_value value[2];
	struct host_kemi_value kemi;
	struct host_variable_spec spec;
	struct host_tcp_gen_info info;
	char digit = '7';
	struct host_str index = {.s = &digit, .len = 1};

	memset(value, 0xff, sizeof(value));
	pv_get_null(NULL, NULL, value);
	if (value[0].i || value[0].flags != HOST_VALUE_NULL)
		return "the value of a variable";
	memset(&spec, 0xff, sizeof(spec));
	if (pv_parse_index(&spec, &index) || spec.param.index_type == -1 || spec.param.index.i != 7)
		return "the index of a variable";
	memset(&kemi, 0xff, sizeof(kemi));
	sr_kemi_xval_null(&kemi, HOST_KEMI_NULL_EMPTY);
	if (kemi.type != HOST_KEMI_STR || kemi.v.s.len)
		return "the value of a function for scripts";
	memset(&info, 0xff, sizeof(info));
	tcp_get_info(&info);
	return info.tls_connections_no ? "the number of connections" : NULL;
}

/* A message that the core makes for its own routes is from port 5060 of this machine. */
static const char *check_message(void)
{
	static struct host_sip_msg msg[2];
	const unsigned char *end = (const unsigned char *)(msg + 1);

	memset(msg, 0xff, sizeof(msg));
	if (faked_msg_get_new(msg))
		return "making a message";
	free_sip_msg(msg);
	if (end[-1] || *end != 0xff)
		return "the size of a message";
	if (msg->rcv.src_ip.af != AF_INET || msg->rcv.src_port != 5060 || msg->rcv.dst_port != 5060)
		return "where a message is from";
	return NULL;
}

int host_check(const struct host_check_parts *parts)
{
	const char *what;

	what = check_release();
	if (!what)
		what = check_sizes();
	if (!what)
		what = check_values();
	if (!what)
		what = check_message();
	if (!what && memcmp(&tls_hook, parts->hooks, sizeof(tls_hook)))
		what = "the TLS hooks";
	if (!what)
		what = check_listeners(parts);
	if (!what && tls_listen) {
		parts->accepted(1);
		what = check_connections();
		parts->accepted(0);
	}
	if (!what)
		return 0;
	if (what == check_no_memory) {
		ser_log(LOG_LEVEL_CRITICAL, "%s", what);
		return -1;
	}
	ser_log(LOG_LEVEL_CRITICAL,
		"this core (%s) is not laid out as the module knows it: %s differs; build the module from "
		"the source of this core with -DKAMAILIO_SOURCE_DIR=FOLDER",
		full_version, what);
	return -1;
}
