/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uring/places.h"

#include <errno.h>
#include <stdlib.h>

enum {
	SIZES = 256,      /* crowds that are larger count as this large */
	CROWD_PART = 128, /* who has more than this part of all places is a crowd, */
	CROWD_MIN = 4,    /* and more than so many */
};

/*
 * How long somebody is left alone at a stage, in milliseconds. A crowd of many hosts must not fill the
 * kernel's backlog meanwhile, which holds 1024 connections or more. A client alone has the time of a long
 * round trip.
 */
static const struct patience {
	int64_t over_share; /* one of a host with more than its share */
	int64_t crowd;      /* one of a crowd */
	int64_t alone;      /* one of a few */
	int64_t at_most;    /* one of a few; it goes even before one of a crowd */
} patience[URING_STAGES] = {
	[URING_STAGE_SILENT] = {0, 0, 500, 1000},
	[URING_STAGE_HELLO] = {0, 0, 500, 1000},
	[URING_STAGE_ANSWERED] = {250, 1000, 3000, 3000},
};

TAILQ_HEAD(hosts, uring_source);

/* All that are at one stage. */
struct at_stage {
	struct uring_place_list places;  /* in the order of their times */
	struct hosts by_size[SIZES + 1]; /* of their crowds at this stage */
	unsigned largest;
};

struct uring_places {
	struct uring_sources *sources;
	unsigned few, share;
	struct at_stage stages[URING_STAGES];
};

int uring_places_new(struct uring_places **places, unsigned most, unsigned share)
{
	struct uring_places *p = calloc(1, sizeof(*p));
	int rc = p ? uring_sources_new(&p->sources, most) : -ENOMEM;

	if (rc) {
		free(p);
		return rc;
	}
	p->few = most / CROWD_PART > CROWD_MIN ? most / CROWD_PART : CROWD_MIN;
	p->share = share;
	for (int i = 0; i < URING_STAGES; i++) {
		TAILQ_INIT(&p->stages[i].places);
		for (int n = 0; n <= SIZES; n++)
			TAILQ_INIT(&p->stages[i].by_size[n]);
	}
	*places = p;
	return 0;
}

void uring_places_free(struct uring_places *places)
{
	if (!places)
		return;
	uring_sources_free(places->sources);
	free(places);
}

static unsigned size_of(unsigned count)
{
	return count < SIZES ? count : SIZES;
}

/* The crowd of this host at this stage becomes larger or smaller by one. */
static void resize(struct uring_places *places, struct uring_source *s, enum uring_stage stage, int change)
{
	struct at_stage *at = &places->stages[stage];
	unsigned *count = &s->crowds[stage].count, before = size_of(*count), after;

	*count += (unsigned)change;
	after = size_of(*count);
	if (before == after)
		return;
	if (before)
		TAILQ_REMOVE(&at->by_size[before], s, crowds[stage].link);
	if (after)
		TAILQ_INSERT_TAIL(&at->by_size[after], s, crowds[stage].link);
	if (after > at->largest)
		at->largest = after;
	else if (before == at->largest && TAILQ_EMPTY(&at->by_size[before]))
		at->largest = after; /* one size smaller, and this host has it */
}

static void take_out(struct uring_places *places, struct uring_place *p)
{
	TAILQ_REMOVE(&places->stages[p->stage].places, p, of_all);
	TAILQ_REMOVE(&p->source->crowds[p->stage].places, p, of_host);
	resize(places, p->source, p->stage, -1);
}

static void put_in(struct uring_places *places, struct uring_place *p, enum uring_stage stage, int64_t now)
{
	p->stage = stage;
	p->since = now;
	TAILQ_INSERT_TAIL(&places->stages[stage].places, p, of_all);
	TAILQ_INSERT_TAIL(&p->source->crowds[stage].places, p, of_host);
	resize(places, p->source, stage, 1);
}

int uring_places_take(
	struct uring_places *places, struct uring_place *p, const union uring_address *address, int64_t now)
{
	p->source = uring_sources_enter(places->sources, address);
	if (!p->source)
		return -ENOMEM;
	put_in(places, p, URING_STAGE_SILENT, now);
	return 0;
}

void uring_places_move(
	struct uring_places *places, struct uring_place *p, enum uring_stage stage, int64_t now)
{
	take_out(places, p);
	put_in(places, p, stage, now);
}

void uring_places_give_back(struct uring_places *places, struct uring_place *p)
{
	take_out(places, p);
	uring_sources_leave(p->source);
}

/* A crowd that begins to speak is no smaller for it. */
static unsigned crowd_size(const struct uring_source *s, enum uring_stage stage)
{
	unsigned silent = stage == URING_STAGE_HELLO ? s->crowds[URING_STAGE_SILENT].count : 0;

	return s->crowds[stage].count + silent;
}

static int64_t patience_with(
	const struct uring_places *places, const struct uring_source *s, enum uring_stage stage)
{
	unsigned count = crowd_size(s, stage);

	if (places->share && count > places->share)
		return patience[stage].over_share;
	return count > places->few ? patience[stage].crowd : patience[stage].alone;
}

static struct uring_place *first_at(const struct uring_places *places, enum uring_stage stage, int64_t now)
{
	const struct at_stage *at = &places->stages[stage];
	struct uring_place *oldest = TAILQ_FIRST(&at->places), *of_crowd;
	const struct uring_source *host;

	if (!oldest)
		return NULL;
	host = TAILQ_FIRST(&at->by_size[at->largest]);
	of_crowd = TAILQ_FIRST(&host->crowds[stage].places);
	if (now - oldest->since >= patience[stage].at_most)
		return now - of_crowd->since >= patience[stage].at_most ? of_crowd : oldest;
	if (now - of_crowd->since >= patience_with(places, host, stage))
		return of_crowd;
	return now - oldest->since >= patience[stage].alone ? oldest : NULL;
}

struct uring_place *uring_places_first(const struct uring_places *places, int64_t now)
{
	struct uring_place *first = NULL;

	for (int stage = 0; !first && stage < URING_STAGES; stage++)
		first = first_at(places, (enum uring_stage)stage, now);
	return first;
}

static unsigned users_at(const struct uring_places *places, const union uring_address *address)
{
	struct uring_source *s = uring_sources_enter(places->sources, address);
	unsigned users = s ? s->users - 1 : 0;

	if (s)
		uring_sources_leave(s);
	return users;
}

struct uring_place *uring_places_first_for(
	const struct uring_places *places, const union uring_address *newcomer)
{
	const struct uring_crowd *largest = NULL;

	for (int stage = 0; stage < URING_STAGES; stage++) {
		const struct at_stage *at = &places->stages[stage];
		const struct uring_crowd *crowd =
			at->largest ? &TAILQ_FIRST(&at->by_size[at->largest])->crowds[stage] : NULL;

		if (crowd && (!largest || crowd->count > largest->count))
			largest = crowd;
	}
	if (!largest || largest->count <= places->few || largest->count <= users_at(places, newcomer))
		return NULL;
	return TAILQ_FIRST(&largest->places);
}
