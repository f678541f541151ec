/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pace.h"

#define NS_PER_SEC UINT64_C(1000000000)

uint64_t pace_time(const struct pace *p, uint64_t index)
{
	return p->start + index / p->rate * NS_PER_SEC + index % p->rate * NS_PER_SEC / p->rate;
}

uint64_t pace_due(const struct pace *p, uint64_t now)
{
	if (now < p->start)
		return 0;
	/* Whole seconds and the rest apart, so that no product exceeds 64 bits. */
	uint64_t passed = now - p->start + 1;
	uint64_t rest = passed % NS_PER_SEC * p->rate;
	return passed / NS_PER_SEC * p->rate + (rest + NS_PER_SEC - 1) / NS_PER_SEC;
}
