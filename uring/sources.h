/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counts by the host that something comes from.
 *
 * A host is an IPv4 address or, since a single host is commonly given all of it, an IPv6 /64 (RFC 6177); an
 * IPv4-mapped IPv6 address is the IPv4 address. What is counted bounds the memory: an entry lives while its
 * count is not 0. Threads and processes: one thread.
 */
#ifndef URING_SOURCES_H
#define URING_SOURCES_H

#include "uring/address.h"

struct uring_sources;

/*
 * expected is how many hosts there may be at once; more work as well, but slower. Returns 0, -ENOMEM, or
 * another negative errno when the kernel gives no random bytes.
 */
int uring_sources_new(struct uring_sources **sources, unsigned expected);

/* Takes NULL. */
void uring_sources_free(struct uring_sources *sources);

/* Counts one more of this host. Returns 0 or -ENOMEM. */
int uring_sources_add(struct uring_sources *sources, const union uring_address *address);

/* Takes one back; each must have been added. */
void uring_sources_remove(struct uring_sources *sources, const union uring_address *address);

/* The count of this host. */
unsigned uring_sources_get(const struct uring_sources *sources, const union uring_address *address);

#endif
