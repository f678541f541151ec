/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/expiry_watch.h"

#include "ser/shared/domain.h"
#include "ser/shared/expiries.h"
#include "ser/shared/log.h"
#include "ser/supervisor/private.h"

#include <stdio.h>
#include <time.h>

enum {
	LINES_MAX = 32, /* in one look */
	SPAN_TEXT = 80,
};

static int64_t looked; /* time(2) */

int64_t expiry_watch_begin(void)
{
	looked = time(NULL);
	return looked;
}

static int is_due(const struct cfg_expiry *e, int days, int64_t now)
{
	int64_t span = (int64_t)days * EXPIRY_DAY, third = (e->end - e->begin) / 3;

	return days && e->end - now < (span < third ? span : third);
}

/* "expires in 9 days, on 2026-12-08 10:00 UTC" */
static const char *write_span(const struct cfg_expiry *e, int64_t now, char text[SPAN_TEXT])
{
	int64_t days = expiry_days(e->end, now);
	time_t end = (time_t)e->end;
	char date[32];
	struct tm tm;

	strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", gmtime_r(&end, &tm));
	if (days < 0)
		snprintf(text, SPAN_TEXT, "expired on %s", date);
	else if (!days)
		snprintf(text, SPAN_TEXT, "expires in less than a day, on %s", date);
	else
		snprintf(text, SPAN_TEXT, "expires in %lld day%s, on %s", (long long)days,
			days == 1 ? "" : "s", date);
	return text;
}

static void write_sentence(
	const struct cfg_set *set, const struct cfg_expiry *e, int64_t now, struct cfg_error *sentence)
{
	static const struct {
		const char *what, *then;
	} kinds[] = {
		[CFG_EXPIRING_CERTIFICATE] = {"the certificate",
			"put a renewed one there and run tls.reload, or peers refuse it"},
		[CFG_EXPIRING_CA] = {"a CA certificate that is shown with ours",
			"put a renewed one there and run tls.reload, or peers refuse ours"},
		[CFG_EXPIRING_LIST] = {"a revocation list",
			"put a newer one there and run tls.reload, or certificates of its authority are "
			"refused"},
	};
	char name[DOMAIN_NAME_MAX], more[32] = "", span[SPAN_TEXT];

	domain_write_name(cfg_set_config(set)->domains[e->first_domain], name);
	if (e->domains > 1)
		snprintf(more, sizeof(more), " and %u more domain%s", e->domains - 1,
			e->domains > 2 ? "s" : "");
	cfg_fail(sentence, "%s in '%.200s', of %.200s%s, %s; %s", kinds[e->what].what, e->file, name, more,
		write_span(e, now, span), kinds[e->what].then);
}

/* A CA that has expired is not said when a set is built. */
static int is_known(const struct cfg_expiry *e, int64_t now)
{
	return e->what != CFG_EXPIRING_CA && e->end <= now;
}

void expiry_warn(
	const struct cfg_set *set, const struct params *params, int64_t now, struct cfg_errors *warnings)
{
	struct cfg_error sentence;

	for (const struct cfg_expiry *e = cfg_set_expiries(set); e; e = e->next) {
		if (!is_due(e, params->certificate_warn_days, now) || is_known(e, now))
			continue;
		write_sentence(set, e, now, &sentence);
		cfg_add_error(warnings, "certificate_warn_days: %s", sentence.text);
	}
}

static int is_news(const struct cfg_expiry *e, int days, int64_t before, int64_t now)
{
	if (!is_due(e, days, now))
		return 0;
	return !is_due(e, days, before) || expiry_days(e->end, before) != expiry_days(e->end, now);
}

void expiry_watch(void)
{
	const struct cfg_set *set = supervisor.parts.set;
	int days = supervisor.parts.params->certificate_warn_days;
	int64_t now = time(NULL), before = looked;
	struct cfg_error sentence;
	unsigned lines = 0;

	if (supervisor.index || now == before)
		return;
	looked = now;
	for (const struct cfg_expiry *e = cfg_set_expiries(set); e; e = e->next) {
		if (!is_news(e, days, before, now) || ++lines > LINES_MAX)
			continue;
		write_sentence(set, e, now, &sentence);
		ser_log(LOG_LEVEL_WARNING, "certificate_warn_days: %s", sentence.text);
	}
	if (lines > LINES_MAX)
		ser_log(LOG_LEVEL_WARNING, "certificate_warn_days: tls.certificates shows %u more",
			lines - LINES_MAX);
}
