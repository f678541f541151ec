/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/shared/expiries.h"

#include "ser/shared/domain.h"
#include "ser/shared/lock.h"
#include "ser/shared/services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
	int lock;
	struct expiries *now; /* NULL before the first supervisor has read the configuration */
} * shared;

int expiries_prepare(void)
{
	shared = services.memory.alloc(sizeof(*shared));
	if (!shared)
		return -ENOMEM;
	memset(shared, 0, sizeof(*shared));
	return 0;
}

static int by_end(const void *a, const void *b)
{
	int64_t left = (*(const struct cfg_expiry *const *)a)->end;
	int64_t right = (*(const struct cfg_expiry *const *)b)->end;

	return (left > right) - (left < right);
}

/* All of a set, the first to expire first, for free(). NULL if memory is short. */
static const struct cfg_expiry **sort(const struct cfg_set *set, uint32_t *count)
{
	const struct cfg_expiry **list, *one;

	*count = 0;
	for (one = cfg_set_expiries(set); one; one = one->next)
		++*count;
	list = calloc(*count + 1, sizeof(*list));
	if (!list)
		return NULL;
	*count = 0;
	for (one = cfg_set_expiries(set); one; one = one->next)
		list[(*count)++] = one;
	qsort(list, *count, sizeof(*list), by_end);
	return list;
}

static const char *name_domain(const struct cfg_set *set, const struct cfg_expiry *one, char *name)
{
	return domain_write_name(cfg_set_config(set)->domains[one->first_domain], name);
}

/* Appends a text. Returns where it is. */
static uint32_t put(struct expiries *e, const char *text)
{
	uint32_t at = e->size;

	strcpy((char *)e + at, text);
	e->size += (uint32_t)strlen(text) + 1;
	return at;
}

static void fill(struct expiries *e, const struct cfg_set *set, const struct cfg_expiry **list)
{
	char name[DOMAIN_NAME_MAX];

	for (uint32_t i = 0; i < e->count; i++) {
		e->entries[i] = (struct expiry){
			.end = list[i]->end, .what = list[i]->what, .domains = list[i]->domains};
		e->entries[i].file = put(e, list[i]->file);
		e->entries[i].domain = put(e, name_domain(set, list[i], name));
	}
}

static void note_first(struct expiries *e, const struct cfg_set *set)
{
	e->first[0] = e->first[1] = INT64_MAX;
	for (const struct cfg_expiry *one = cfg_set_expiries(set); one; one = one->next)
		if (one->end < e->first[one->what == CFG_EXPIRING_LIST])
			e->first[one->what == CFG_EXPIRING_LIST] = one->end;
}

struct expiries *expiries_make(const struct cfg_set *set)
{
	char name[DOMAIN_NAME_MAX];
	uint32_t count;
	const struct cfg_expiry **list = sort(set, &count);
	size_t size;
	struct expiries *e = NULL;

	if (!list)
		return NULL;
	if (count > EXPIRIES_MAX)
		count = EXPIRIES_MAX;
	size = sizeof(*e) + count * sizeof(struct expiry);
	for (uint32_t i = 0; i < count; i++)
		size += strlen(list[i]->file) + strlen(name_domain(set, list[i], name)) + 2;
	e = services.memory.alloc(size);
	if (e) {
		e->size = (uint32_t)(sizeof(*e) + count * sizeof(struct expiry));
		e->count = count;
		fill(e, set, list);
		note_first(e, set);
	}
	free(list);
	return e;
}

void expiries_free(struct expiries *e)
{
	if (e)
		services.memory.release(e);
}

void expiries_use(struct expiries *e)
{
	struct expiries *before;

	lock_get(&shared->lock);
	before = shared->now;
	shared->now = e;
	lock_release(&shared->lock);
	expiries_free(before);
}

/* Returns the size of those in use, 0 for none, and copies them if there is room. */
static size_t read_in_use(struct expiries *copy, size_t room)
{
	size_t size;

	lock_get(&shared->lock);
	size = shared->now ? shared->now->size : 0;
	if (size && size <= room)
		memcpy(copy, shared->now, size);
	lock_release(&shared->lock);
	return size;
}

struct expiries *expiries_copy(void)
{
	struct expiries *copy;
	size_t room = sizeof(*copy), size;

	/* Not under the lock, which whoever dies there keeps. */
	while ((copy = calloc(1, room))) {
		size = read_in_use(copy, room);
		if (size <= room)
			break;
		free(copy);
		room = size;
	}
	return copy;
}

const char *expiries_text(const struct expiries *e, uint32_t at)
{
	return (const char *)e + at;
}

int64_t expiry_days(int64_t then, int64_t now)
{
	int64_t left = then - now;

	return left >= 0 ? left / EXPIRY_DAY : -((-left + EXPIRY_DAY - 1) / EXPIRY_DAY);
}

int expiries_days(int is_list)
{
	int64_t first = INT64_MAX, days;

	lock_get(&shared->lock);
	if (shared->now)
		first = shared->now->first[is_list];
	lock_release(&shared->lock);
	days = first == INT64_MAX ? EXPIRIES_DAYS_MAX : expiry_days(first, time(NULL));
	if (days > EXPIRIES_DAYS_MAX)
		return EXPIRIES_DAYS_MAX;
	return days < 0 ? 0 : (int)days;
}
