/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/expiry_private.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int read_time(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return -EINVAL;
	*out = timegm(&tm);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct cfg_expiry *left = a, *right = b;

	if (left->what != right->what)
		return left->what < right->what ? -1 : 1;
	return strcmp(left->file, right->file);
}

static void append(struct cfg_expiries *all, struct cfg_expiry *one)
{
	if (all->last)
		all->last->next = one;
	else
		all->first = one;
	all->last = one;
}

static void merge(struct cfg_expiry *into, const struct cfg_expiry *one)
{
	if (one->end < into->end) {
		into->begin = one->begin;
		into->end = one->end;
	}
	into->domains += one->last_domain != into->last_domain;
	into->last_domain = one->last_domain;
}

void cfg_expiries_add(struct cfg_expiries *all, unsigned domain, enum cfg_expiring what, const char *file,
	const ASN1_TIME *begin, const ASN1_TIME *end)
{
	struct cfg_expiry *one, **found;
	int64_t from, to;

	if (read_time(begin, &from) || read_time(end, &to))
		return;
	one = calloc(1, sizeof(*one) + strlen(file) + 1);
	if (!one) {
		all->is_short = 1;
		return;
	}
	one->what = what;
	one->first_domain = one->last_domain = domain;
	one->domains = 1;
	one->begin = from;
	one->end = to;
	strcpy(one->file, file);
	found = tsearch(one, &all->by_file, compare);
	if (found && *found == one) {
		append(all, one);
		return;
	}
	if (found)
		merge(*found, one);
	else
		all->is_short = 1;
	free(one);
}

static void keep(void *one)
{
	(void)one;
}

void cfg_expiries_clear(struct cfg_expiries *all)
{
	tdestroy(all->by_file, keep); /* the list frees them */
	while (all->first) {
		struct cfg_expiry *one = all->first;

		all->first = one->next;
		free(one);
	}
	*all = (struct cfg_expiries){0};
}
