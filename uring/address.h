/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The address of an end of a TCP connection: its text, its host, and its hash for tables.
 *
 * A host is an IPv4 address or an IPv6 /64, because a single host is commonly given a whole /64 (RFC 6177).
 * An IPv4-mapped IPv6 address counts as the IPv4 address everywhere except in texts.
 */
#ifndef URING_ADDRESS_H
#define URING_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum {
	URING_ADDRESS_TEXT = INET6_ADDRSTRLEN + sizeof("[]:65535") - 1,
};

/* any.sa_family is AF_INET or AF_INET6. */
union uring_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Writes an AF_INET or AF_INET6 address as "127.0.0.1:5061" or "[::1]:5061". Returns text. */
const char *uring_address_text(const struct sockaddr *address, char text[URING_ADDRESS_TEXT]);

/* 1 if address and port are the same. */
int uring_address_is_same(const union uring_address *a, const union uring_address *b);

/* Equal only for the same host. */
uint64_t uring_address_host(const union uring_address *address);

/*
 * A hash of a host, or of address and port; all of its bits are good. If the key is a random secret, nobody
 * outside can choose addresses that collide in a table.
 */
uint64_t uring_host_hash(uint64_t host, uint64_t key);
uint64_t uring_address_hash(const union uring_address *address, uint64_t key);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
