/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring/sources.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

enum {
	BITS_MIN = 4,
	BITS_MAX = 20,
};

/* Beside the IPv4 address: in the range of multicast, from where no IPv6 connection comes. */
#define IPV4_HOST 0xffffffff00000000u

struct source {
	LIST_ENTRY(source) link;
	uint64_t host;
	unsigned count;
};

LIST_HEAD(chain, source);

struct uring_sources {
	uint64_t factor; /* odd and secret */
	unsigned bits;
	struct chain chains[];
};

static uint64_t host_of(const union uring_address *a)
{
	const uint8_t *p = a->in6.sin6_addr.s6_addr;
	uint64_t host = 0;

	if (a->any.sa_family == AF_INET)
		return IPV4_HOST | ntohl(a->in.sin_addr.s_addr);
	if (IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr)) {
		uint32_t v4;

		memcpy(&v4, p + 12, sizeof(v4));
		return IPV4_HOST | ntohl(v4);
	}
	for (int i = 0; i < 8; i++)
		host = host << 8 | p[i];
	return host;
}

/*
 * Multiply-shift: for a secret factor two hosts chosen without knowing it share a chain with a probability
 * of 2 in the number of chains at most (Dietzfelbinger et al. 1997), so nobody can make chains long.
 */
static size_t chain_of(const struct uring_sources *s, uint64_t host)
{
	return (size_t)(s->factor * host >> (64 - s->bits));
}

static struct source *find(const struct uring_sources *s, uint64_t host)
{
	struct source *e;

	LIST_FOREACH(e, &s->chains[chain_of(s, host)], link)
	{
		if (e->host == host)
			return e;
	}
	return NULL;
}

int uring_sources_new(struct uring_sources **sources, unsigned expected)
{
	struct uring_sources *s;
	unsigned bits = BITS_MIN;

	while (bits < BITS_MAX && 1u << bits < expected)
		bits++;
	s = calloc(1, sizeof(*s) + (sizeof(s->chains[0]) << bits));
	if (!s)
		return -ENOMEM;
	s->bits = bits;
	if (getrandom(&s->factor, sizeof(s->factor), 0) != sizeof(s->factor)) {
		int rc = -errno;

		free(s);
		return rc;
	}
	s->factor |= 1;
	*sources = s;
	return 0;
}

void uring_sources_free(struct uring_sources *sources)
{
	if (!sources)
		return;
	for (size_t i = 0; i < (size_t)1 << sources->bits; i++) {
		struct source *e;

		while ((e = LIST_FIRST(&sources->chains[i]))) {
			LIST_REMOVE(e, link);
			free(e);
		}
	}
	free(sources);
}

int uring_sources_add(struct uring_sources *sources, const union uring_address *address)
{
	uint64_t host = host_of(address);
	struct source *e = find(sources, host);

	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		e->host = host;
		LIST_INSERT_HEAD(&sources->chains[chain_of(sources, host)], e, link);
	}
	e->count++;
	return 0;
}

void uring_sources_remove(struct uring_sources *sources, const union uring_address *address)
{
	struct source *e = find(sources, host_of(address));

	if (!e || --e->count)
		return;
	LIST_REMOVE(e, link);
	free(e);
}

unsigned uring_sources_get(const struct uring_sources *sources, const union uring_address *address)
{
	const struct source *e = find(sources, host_of(address));

	return e ? e->count : 0;
}
