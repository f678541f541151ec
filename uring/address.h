/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address of an end of a TCP connection: its text, its host, and what finds it in a table.
 *
 * A host is an IPv4 address or, since a single host is commonly given all of it, an IPv6 /64 (RFC 6177). An
 * IPv4-mapped IPv6 address is the IPv4 address everywhere but in texts.
 */
#ifndef URING_ADDRESS_H
#define URING_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>

#pragma GCC visibility push(default)

enum {
	URING_ADDRESS_TEXT = INET6_ADDRSTRLEN + sizeof("[]:65535") - 1,
};

/* any.sa_family is AF_INET or AF_INET6. */
union uring_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Writes "127.0.0.1:5061" or "[::1]:5061" of an AF_INET or AF_INET6 address. Returns text. */
const char *uring_address_text(const struct sockaddr *address, char text[URING_ADDRESS_TEXT]);

/* 1 when address and port are the same. */
int uring_address_is_same(const union uring_address *a, const union uring_address *b);

/* Equal for the same host only. */
uint64_t uring_address_host(const union uring_address *address);

/*
 * A hash of a host, or of address and port, all bits of which are good. With a random secret as the key
 * nobody outside can choose addresses that meet in a table.
 */
uint64_t uring_host_hash(uint64_t host, uint64_t key);
uint64_t uring_address_hash(const union uring_address *address, uint64_t key);

#pragma GCC visibility pop

#endif
