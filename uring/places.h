/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has a place for a handshake, and who is the first to give it back when places are short.
 *
 * Those that have said nothing go before those that have not said enough, and these before handshakes that
 * go on; of each, those of the host with most of them. Everybody is left alone for a time that an honest
 * client needs for its next step: shorter in a crowd, since a crowd would else keep the others waiting.
 * Threads and processes: one thread.
 */
#ifndef URING_PLACES_H
#define URING_PLACES_H

#include "uring/sources.h"

struct uring_places;

/* Embedded in what has the place. */
struct uring_place {
	TAILQ_ENTRY(uring_place) of_all, of_host; /* at its stage */
	struct uring_source *source;
	enum uring_stage stage;
	int64_t since; /* milliseconds: when the stage, or a step in it, began */
};

/*
 * most: places that there are. share: handshakes of one host that are left alone as long as they go on; of a
 * host with more the slowest may go. Returns 0, -ENOMEM, or another negative errno when the kernel gives no
 * random bytes.
 */
int uring_places_new(struct uring_places **places, unsigned most, unsigned share);

/* All were given back. Takes NULL. */
void uring_places_free(struct uring_places *places);

/* Takes one for a client at this address, silent since now, which never goes back. Returns 0 or -ENOMEM. */
int uring_places_take(
	struct uring_places *places, struct uring_place *p, const union uring_address *address, int64_t now);

/* Its stage begins now, or a step in it. */
void uring_places_move(
	struct uring_places *places, struct uring_place *p, enum uring_stage stage, int64_t now);

void uring_places_give_back(struct uring_places *places, struct uring_place *p);

/* The first to go; NULL when all are to be left alone for now. */
struct uring_place *uring_places_first(const struct uring_places *places, int64_t now);

/*
 * Who has to make way for a newcomer at this address, though it should have been left alone for a while yet:
 * the first of the largest crowd. NULL unless that crowd is larger than what the newcomer's host has.
 */
struct uring_place *uring_places_first_for(
	const struct uring_places *places, const union uring_address *newcomer);

#endif
