/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/host/listening.h"

#include "ser/host/layout.h"

#include <arpa/inet.h>
#include <string.h>

static int has_listener(const struct cfg_scope *scope)
{
	struct host_ip ip = {.af = scope->address.any.sa_family};
	unsigned short port;

	if (ip.af == AF_INET) {
		ip.len = sizeof(scope->address.in.sin_addr);
		memcpy(ip.u, &scope->address.in.sin_addr, ip.len);
		port = ntohs(scope->address.in.sin_port);
	} else {
		ip.len = sizeof(scope->address.in6.sin6_addr);
		memcpy(ip.u, &scope->address.in6.sin6_addr, ip.len);
		port = ntohs(scope->address.in6.sin6_port);
	}
	return find_si(&ip, port, HOST_PROTO_TLS) != NULL; /* port 0: any */
}

void listening_warn(const struct cfg_config *config, struct cfg_errors *warnings)
{
	for (unsigned i = 0; i < config->count; i++) {
		const struct cfg_domain *d = config->domains[i];

		if (d->kind != CFG_SERVER || d->scope.address.any.sa_family == AF_UNSPEC ||
			has_listener(&d->scope))
			continue;
		cfg_section_error(warnings, d,
			"no connection will come in there, because nothing listens at that address (listen = "
			"tls:...); correct it, or remove the section");
	}
}
