/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/staple_watch.h"

#include "ktls/staple.h"
#include "ser/shared/log.h"
#include "ser/supervisor/private.h"

#include <time.h>

static void look_at(const SSL_CTX *ctx, int64_t last, int64_t now)
{
	static struct log_limit limit;
	const struct ktls_staple *s;

	for (unsigned i = 0; (s = ktls_staple_get(ctx, i)); i++)
		if (s->until > last && s->until <= now)
			ser_log_limited(&limit, LOG_LEVEL_WARNING,
				"'%s' is stale now, so this OCSP response is not sent any more: fetch a new "
				"one and run tls.reload",
				s->file);
}

void staple_watch(void)
{
	static int64_t last;
	const struct cfg_set *set = supervisor.parts.set;
	int64_t now = time(NULL);

	if (supervisor.index || now == last)
		return;
	for (unsigned i = 0; i < cfg_set_count(set); i++)
		look_at(cfg_set_context(set, i), last, now);
	last = now;
}
