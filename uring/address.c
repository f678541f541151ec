/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* Goes with an IPv4 address. It is in the multicast range, from which no IPv6 connection comes. */
#define IPV4_HOST 0xffffffff00000000u

const char *uring_address_text(const struct sockaddr *address, char text[URING_ADDRESS_TEXT])
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	char ip[INET6_ADDRSTRLEN] = "?";

	if (address->sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
		snprintf(text, URING_ADDRESS_TEXT, "[%s]:%u", ip, ntohs(in6->sin6_port));
	} else {
		inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
		snprintf(text, URING_ADDRESS_TEXT, "%s:%u", ip, ntohs(in->sin_port));
	}
	return text;
}

static in_port_t port_of(const union uring_address *a)
{
	return a->any.sa_family == AF_INET6 ? a->in6.sin6_port : a->in.sin_port;
}

static uint64_t word_of(const struct in6_addr *ip, int first)
{
	uint64_t word = 0;

	for (int i = first; i < first + 8; i++)
		word = word << 8 | ip->s6_addr[i];
	return word;
}

uint64_t uring_address_host(const union uring_address *address)
{
	const struct in6_addr *ip = &address->in6.sin6_addr;

	if (address->any.sa_family == AF_INET)
		return IPV4_HOST | ntohl(address->in.sin_addr.s_addr);
	if (IN6_IS_ADDR_V4MAPPED(ip))
		return IPV4_HOST | (uint32_t)word_of(ip, 8);
	return word_of(ip, 0);
}

/* What distinguishes the addresses of one host. */
static uint64_t interface_of(const union uring_address *a)
{
	const struct in6_addr *ip = &a->in6.sin6_addr;

	return a->any.sa_family == AF_INET || IN6_IS_ADDR_V4MAPPED(ip) ? 0 : word_of(ip, 8);
}

int uring_address_is_same(const union uring_address *a, const union uring_address *b)
{
	return port_of(a) == port_of(b) && uring_address_host(a) == uring_address_host(b) &&
	       interface_of(a) == interface_of(b);
}

/*
 * The finalizer of splitmix64, with the key in the middle as well, so nobody can compute it without the key.
 */
uint64_t uring_host_hash(uint64_t host, uint64_t key)
{
	uint64_t x = host ^ key;

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	x += key;
	x = (x ^ x >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
	return x ^ x >> 32;
}

uint64_t uring_address_hash(const union uring_address *address, uint64_t key)
{
	uint64_t host = uring_host_hash(uring_address_host(address), key);

	return uring_host_hash(host ^ interface_of(address) ^ (uint64_t)port_of(address) << 48, key);
}
