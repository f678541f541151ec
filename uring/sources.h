/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hosts (uring/address.h) that places for handshakes are taken from, each with those it has; also those
 * that connections which wait for a first byte come from.
 *
 * What is counted bounds the memory: a host is kept while it has one. Threads and processes: one thread.
 */
#ifndef URING_SOURCES_H
#define URING_SOURCES_H

#include "uring/address.h"

#include <sys/queue.h>

/* How far the one who has a place has come. */
enum uring_stage {
	URING_STAGE_SILENT,   /* has not said a byte */
	URING_STAGE_HELLO,    /* has said something that nothing could be answered to yet */
	URING_STAGE_ANSWERED, /* its handshake goes on */
	URING_STAGES
};

TAILQ_HEAD(uring_place_list, uring_place);

/* The places of one host at one stage. */
struct uring_crowd {
	TAILQ_ENTRY(uring_source) link; /* among the crowds of its size, see uring/places.c */
	struct uring_place_list places; /* the one that has been there longest is the first */
	unsigned count;
};

struct uring_source {
	LIST_ENTRY(uring_source) link;
	uint64_t host;
	unsigned users;
	uint64_t turns; /* owner of patient operations (uring/loop.h) */
	struct uring_crowd crowds[URING_STAGES];
};

struct uring_sources;

/*
 * expected is how many hosts there may be at once; more work as well, but slower. Returns 0, -ENOMEM, or
 * another negative errno when the kernel gives no random bytes.
 */
int uring_sources_new(struct uring_sources **sources, unsigned expected);

/* All were left. Takes NULL. */
void uring_sources_free(struct uring_sources *sources);

/* The host of this address, with one more user. Returns NULL when memory is short. */
struct uring_source *uring_sources_enter(struct uring_sources *sources, const union uring_address *address);

/* One user less; the host is freed with its last one. */
void uring_sources_leave(struct uring_source *source);

#endif
