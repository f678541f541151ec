/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/staple_watch.h"

#include "ktls/staple.h"
#include "ser/shared/log.h"
#include "ser/supervisor/private.h"

#include <string.h>
#include <time.h>

/* Domains may share a file. Returns 1 if a context before this one has the response, too. */
static int is_named(const struct cfg_set *set, unsigned context, const struct ktls_staple *s)
{
	const struct ktls_staple *other;

	for (unsigned i = 0; i < context; i++)
		for (unsigned j = 0; (other = ktls_staple_get(cfg_set_context(set, i), j)); j++)
			if (other->until == s->until && !strcmp(other->file, s->file))
				return 1;
	return 0;
}

static void look_at(const struct cfg_set *set, unsigned context, int64_t last, int64_t now)
{
	static struct log_limit limit;
	const struct ktls_staple *s;

	for (unsigned i = 0; (s = ktls_staple_get(cfg_set_context(set, context), i)); i++)
		if (s->until > last && s->until <= now && !is_named(set, context, s))
			ser_log_limited(&limit, LOG_LEVEL_WARNING,
				"'%s' is stale now, so this OCSP response is not sent any more: fetch a new "
				"one and run tls.reload",
				s->file);
}

void staple_watch(void)
{
	static const struct cfg_set *set;
	static int64_t last;
	int64_t now = time(NULL);

	if (supervisor.index || now == last)
		return;
	if (set != supervisor.parts.set)
		last = 0; /* what became stale since it was built was not yet looked at */
	set = supervisor.parts.set;
	for (unsigned i = 0; i < cfg_set_count(set); i++)
		look_at(set, i, last, now);
	last = now;
}
