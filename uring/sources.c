/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring/sources.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
	BITS_MIN = 4,
	BITS_MAX = 20,
};

LIST_HEAD(chain, uring_source);

struct uring_sources {
	uint64_t key; /* random */
	uint64_t mask;
	struct chain chains[];
};

int uring_sources_new(struct uring_sources **sources, unsigned expected)
{
	struct uring_sources *s;
	unsigned bits = BITS_MIN;

	while (bits < BITS_MAX && 1u << bits < expected)
		bits++;
	s = calloc(1, sizeof(*s) + (sizeof(s->chains[0]) << bits));
	if (!s)
		return -ENOMEM;
	s->mask = ((uint64_t)1 << bits) - 1;
	if (getrandom(&s->key, sizeof(s->key), 0) != sizeof(s->key)) {
		int rc = -errno;

		free(s);
		return rc;
	}
	*sources = s;
	return 0;
}

void uring_sources_free(struct uring_sources *sources)
{
	free(sources);
}

struct uring_source *uring_sources_enter(struct uring_sources *sources, const union uring_address *address)
{
	uint64_t host = uring_address_host(address);
	struct chain *chain = &sources->chains[uring_host_hash(host, sources->key) & sources->mask];
	struct uring_source *s;

	LIST_FOREACH(s, chain, link)
	{
		if (s->host == host) {
			s->users++;
			return s;
		}
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->host = host;
	s->users = 1;
	for (int i = 0; i < URING_STAGES; i++)
		TAILQ_INIT(&s->crowds[i].places);
	LIST_INSERT_HEAD(chain, s, link);
	return s;
}

void uring_sources_leave(struct uring_source *source)
{
	if (--source->users)
		return;
	LIST_REMOVE(source, link);
	free(source);
}
