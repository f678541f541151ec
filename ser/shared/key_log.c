/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/key_log.h"

#include "cfg/scope.h"
#include "cfg/value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

int key_log_peer(const char *text, union uring_address *peer)
{
	struct cfg_scope scope;

	if (strncmp(text, "udp:", 4) || cfg_parse_address(text + 4, &scope))
		return -EINVAL;
	memset(peer, 0, sizeof(*peer));
	if (scope.address.any.sa_family == AF_INET)
		peer->in = scope.address.in;
	else
		peer->in6 = scope.address.in6;
	return scope.address.in.sin_port ? 0 : -EINVAL; /* it lies in the same place in both */
}

/* An IPv4 address is the IPv6 address that it is mapped to. */
struct network {
	struct in6_addr address;
	int bits;
};

enum {
	MAPPED_BITS = 96,
	NETWORK_TEXT = INET6_ADDRSTRLEN + sizeof("/128") - 1,
};

static void map(struct in6_addr *to, const struct in_addr *from)
{
	*to = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
	memcpy(to->s6_addr + MAPPED_BITS / 8, from, sizeof(*from));
}

/* Writes to text. Returns 0 or -EINVAL. */
static int read_network(char *text, struct network *n)
{
	char *slash = strchr(text, '/');
	struct cfg_error ignored;
	struct in_addr in;
	int is_4, most;

	if (slash)
		*slash = '\0';
	is_4 = inet_pton(AF_INET, text, &in) == 1;
	if (is_4)
		map(&n->address, &in);
	else if (inet_pton(AF_INET6, text, &n->address) != 1)
		return -EINVAL;
	most = is_4 ? 32 : 128;
	n->bits = most;
	if (slash && cfg_parse_int("bits", slash + 1, 0, most, &n->bits, &ignored))
		return -EINVAL;
	n->bits += is_4 ? MAPPED_BITS : 0;
	return 0;
}

static int lies_in(const struct network *n, const struct in6_addr *address)
{
	const int bytes = n->bits / 8, rest = n->bits % 8;

	if (memcmp(n->address.s6_addr, address->s6_addr, (size_t)bytes))
		return 0;
	return !rest || !((n->address.s6_addr[bytes] ^ address->s6_addr[bytes]) >> (8 - rest));
}

static int has(const struct network *n, const union uring_address *address)
{
	struct in6_addr mapped;

	if (address->any.sa_family == AF_INET6)
		return lies_in(n, &address->in6.sin6_addr);
	map(&mapped, &address->in.sin_addr);
	return lies_in(n, &mapped);
}

int key_log_has(const char *networks, const union uring_address *address)
{
	static const char between[] = ", ";
	int found = 0;

	networks += strspn(networks, between);
	if (!*networks)
		return -EINVAL;
	while (*networks) {
		size_t len = strcspn(networks, between);
		char text[NETWORK_TEXT];
		struct network n;

		if (len >= sizeof(text))
			return -EINVAL;
		memcpy(text, networks, len);
		text[len] = '\0';
		if (read_network(text, &n))
			return -EINVAL;
		found |= address && has(&n, address);
		networks += len;
		networks += strspn(networks, between);
	}
	return found;
}
