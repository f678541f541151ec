/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the certificates and revocation lists in use expire, in shared memory. The first supervisor writes it;
 * SER's processes read it when somebody asks.
 */
#ifndef SER_SHARED_EXPIRIES_H
#define SER_SHARED_EXPIRIES_H

#include "cfg/set.h"

enum {
	EXPIRY_DAY = 86400,        /* seconds */
	EXPIRIES_MAX = 200,        /* files, those that expire first */
	EXPIRIES_DAYS_MAX = 36500, /* what is said of later ends, and if there is none */
};

struct expiry {
	int64_t end;           /* seconds since 1970 */
	uint32_t what;         /* enum cfg_expiring */
	uint32_t domains;      /* how many have the file */
	uint32_t file, domain; /* where their texts are: the file, and the first domain that has it */
};

struct expiries {
	uint32_t size;           /* in bytes, with the texts behind the entries */
	uint32_t count;          /* of entries */
	int64_t first[2];        /* ends of the first certificate and of the first list */
	struct expiry entries[]; /* the first to expire comes first */
};

/* Call it before the first fork. Returns 0 or -ENOMEM. */
int expiries_prepare(void);

/* Those of a set. NULL if memory or shared memory is short. */
struct expiries *expiries_make(const struct cfg_set *set);

void expiries_free(struct expiries *e); /* NULL is allowed */

/* Puts them in the place of those before, which are freed. */
void expiries_use(struct expiries *e);

/* A copy of those in use, for free(); without entries if there are none yet. NULL if memory is short. */
struct expiries *expiries_copy(void);

const char *expiries_text(const struct expiries *e, uint32_t at);

/* Whole days from now to then, rounded down: negative if then is past. */
int64_t expiry_days(int64_t then, int64_t now);

/* Of those in use: days until the first certificate (0) or list (1) expires, from 0 to EXPIRIES_DAYS_MAX. */
int expiries_days(int is_list);

#endif
