/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/scope.h"

#include "cfg/value.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

int cfg_parse_address(const char *text, struct cfg_scope *scope)
{
	struct cfg_scope found = {.address.any.sa_family = AF_UNSPEC};
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	struct cfg_error ignored;
	size_t len;
	int port;

	if (!colon || colon == text || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return -1;
	len = (size_t)(colon - text);
	if (len >= sizeof(host) || cfg_parse_int("port", colon + 1, 0, 65535, &port, &ignored))
		return -1;
	memcpy(host, text, len);
	host[len] = '\0';
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &found.address.in6.sin6_addr) != 1)
			return -1;
		found.address.in6.sin6_family = AF_INET6;
		found.address.in6.sin6_port = htons((uint16_t)port);
	} else {
		if (inet_pton(AF_INET, host, &found.address.in.sin_addr) != 1)
			return -1;
		found.address.in.sin_family = AF_INET;
		found.address.in.sin_port = htons((uint16_t)port);
	}
	*scope = found;
	return 0;
}

/* Whether the text before the '=' was meant as an address, even a wrong one. */
static int looks_like_address(const char *text, size_t len)
{
	size_t port = len;

	if (memchr(text, '/', len))
		return 0;
	while (port && text[port - 1] >= '0' && text[port - 1] <= '9')
		port--;
	if (port && text[port - 1] == ':')
		return 1;
	for (size_t i = 0; i < len; i++)
		if (!strchr("0123456789abcdefABCDEF.:[]", text[i]))
			return 0;
	return memchr(text, '.', len) || memchr(text, ':', len);
}

int cfg_parse_param_scope(const char *param, const char *text, int secret, int *outgoing,
	struct cfg_scope *scope, const char **value, struct cfg_error *e)
{
	int at = text[0] == '@';
	const char *address = text + at, *equals = strchr(address, '=');
	char copy[CFG_SCOPE_TEXT];
	size_t len;

	*scope = (struct cfg_scope){.address.any.sa_family = AF_UNSPEC};
	*outgoing = 0;
	*value = text;
	if (!equals)
		return 0;
	len = (size_t)(equals - address);
	snprintf(copy, sizeof(copy), "%.*s", len < sizeof(copy) ? (int)len : 0, address);
	if (!cfg_parse_address(copy, scope)) {
		*outgoing = at;
		*value = equals + 1;
		return 0;
	}
	if (secret || !looks_like_address(address, len))
		return 0;
	return cfg_fail(e,
		"%s: the address in front of '=' in '%s' is none; use <ip>:<port>=<value>, or "
		"[<ipv6>]:<port>=<value>, with @ in front of it for connections to that address",
		param, text);
}

static in_port_t port_of(const struct cfg_scope *scope)
{
	return scope->address.any.sa_family == AF_INET ? scope->address.in.sin_port
						       : scope->address.in6.sin6_port;
}

int cfg_scope_has(const struct cfg_scope *scope, const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	in_port_t port;

	if (scope->address.any.sa_family == AF_UNSPEC)
		return 1;
	if (scope->address.any.sa_family != address->sa_family)
		return 0;
	port = port_of(scope);
	if (address->sa_family == AF_INET)
		return (!port || port == in->sin_port) &&
		       scope->address.in.sin_addr.s_addr == in->sin_addr.s_addr;
	return (!port || port == in6->sin6_port) &&
	       IN6_ARE_ADDR_EQUAL(&scope->address.in6.sin6_addr, &in6->sin6_addr);
}

int cfg_scope_equals(const struct cfg_scope *a, const struct cfg_scope *b)
{
	if (a->address.any.sa_family != b->address.any.sa_family)
		return 0;
	return a->address.any.sa_family == AF_UNSPEC ||
	       (port_of(a) == port_of(b) && cfg_scope_has(a, &b->address.any));
}

const char *cfg_scope_text(const struct cfg_scope *scope, char *out)
{
	char host[INET6_ADDRSTRLEN];

	if (scope->address.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &scope->address.in.sin_addr, host, sizeof(host));
		snprintf(out, CFG_SCOPE_TEXT, "%s:%d", host, ntohs(scope->address.in.sin_port));
	} else if (scope->address.any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &scope->address.in6.sin6_addr, host, sizeof(host));
		snprintf(out, CFG_SCOPE_TEXT, "[%s]:%d", host, ntohs(scope->address.in6.sin6_port));
	} else {
		snprintf(out, CFG_SCOPE_TEXT, "any");
	}
	return out;
}
