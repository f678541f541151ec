/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/scope.h"

#include "cfg/value.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static int bad(const char *param, const char *text, struct cfg_error *e)
{
	return cfg_fail(e,
		"%s: the address in front of '=' in '%s' is none; use <ip>:<port>=<value>, or "
		"[<ipv6>]:<port>=<value>",
		param, text);
}

int cfg_parse_scope(
	const char *param, const char *text, struct cfg_scope *scope, const char **value, struct cfg_error *e)
{
	const char *equals = strchr(text, '='), *colon;
	char host[INET6_ADDRSTRLEN + 2], port_text[6];
	struct cfg_scope found = {.address.any.sa_family = AF_UNSPEC};
	struct cfg_error ignored;
	size_t host_len, port_len;
	int port;

	if (!equals) {
		*scope = found;
		*value = text;
		return 0;
	}
	colon = memrchr(text, ':', (size_t)(equals - text));
	if (!colon)
		return bad(param, text, e);
	host_len = (size_t)(colon - text);
	port_len = (size_t)(equals - colon) - 1;
	if (host_len >= sizeof(host) || port_len >= sizeof(port_text))
		return bad(param, text, e);
	snprintf(host, sizeof(host), "%.*s", (int)host_len, text);
	snprintf(port_text, sizeof(port_text), "%.*s", (int)port_len, colon + 1);
	if (cfg_parse_int(param, port_text, 1, 65535, &port, &ignored))
		return bad(param, text, e);
	if (host[0] == '[' && host_len > 2 && host[host_len - 1] == ']') {
		host[host_len - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &found.address.in6.sin6_addr) != 1)
			return bad(param, text, e);
		found.address.in6.sin6_family = AF_INET6;
		found.address.in6.sin6_port = htons((uint16_t)port);
	} else {
		if (inet_pton(AF_INET, host, &found.address.in.sin_addr) != 1)
			return bad(param, text, e);
		found.address.in.sin_family = AF_INET;
		found.address.in.sin_port = htons((uint16_t)port);
	}
	*scope = found;
	*value = equals + 1;
	return 0;
}

int cfg_scope_has(const struct cfg_scope *scope, const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

	if (scope->address.any.sa_family == AF_UNSPEC)
		return 1;
	if (scope->address.any.sa_family != address->sa_family)
		return 0;
	if (address->sa_family == AF_INET)
		return scope->address.in.sin_port == in->sin_port &&
		       scope->address.in.sin_addr.s_addr == in->sin_addr.s_addr;
	return scope->address.in6.sin6_port == in6->sin6_port &&
	       IN6_ARE_ADDR_EQUAL(&scope->address.in6.sin6_addr, &in6->sin6_addr);
}
