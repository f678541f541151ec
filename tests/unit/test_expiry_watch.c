/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Warnings of certificates and lists that expire, day by day, and what others are shown of them. */
#include "folder.h"
#include "sets.h"

#include "ser/shared/expiries.h"
#include "ser/shared/log.h"
#include "ser/shared/services.h"
#include "ser/supervisor/expiry_watch.h"
#include "ser/supervisor/private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	DAY = 86400,
	HOUR = 3600,
	MANY = 40, /* more files than lines in one look */
};

struct supervisor supervisor;

static struct identity server, brief;
static struct params params = {.certificate_warn_days = 14};
static int64_t start, now; /* the test's clock */
static unsigned lines;
static char last[1024];

time_t __wrap_time(time_t *t);

time_t __wrap_time(time_t *t)
{
	if (t)
		*t = (time_t)now;
	return (time_t)now;
}

static void hear(const struct log_place *place, int level, const char *text)
{
	(void)place;
	assert_int_equal(level, LOG_LEVEL_WARNING);
	lines++;
	snprintf(last, sizeof(last), "%s", text);
}

static void make(struct identity *id, const char *name, long days)
{
	*id = make_identity("EC", name, NULL);
	X509_time_adj_ex(X509_getm_notBefore(id->cert), 0, 0, &(time_t){(time_t)start});
	X509_time_adj_ex(X509_getm_notAfter(id->cert), (int)days, 0, &(time_t){(time_t)start});
	assert_true(X509_sign(id->cert, id->key, EVP_sha256()) > 0);
}

static int prepare(void **state)
{
	char name[32];

	(void)state;
	services = (struct services){.memory = {.alloc = malloc, .release = free}, .log = hear};
	now = 0;
	start = 1700000000; /* 2023-11-14 22:13:20 UTC */
	make(&server, "server", 90);
	make(&brief, "brief", 6);
	sets_open_folder();
	folder_add_identity("cert.pem", &server);
	folder_add_identity("brief.pem", &brief);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%d.pem", i);
		folder_add_identity(name, &server);
	}
	assert_int_equal(expiries_prepare(), 0);
	supervisor.parts.params = &params;
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	sets_close_folder();
	free_identity(&server);
	free_identity(&brief);
	return 0;
}

/* The set in use from that time on. The warnings of its building are of the test machine's clock. */
static void use(const char *text, int64_t when)
{
	supervisor.parts.set = set_of(text);
	hear_nothing();
	now = when;
	expiry_watch_begin();
	lines = 0;
}

static void leave(void)
{
	cfg_set_unref(supervisor.parts.set);
}

/* Lines of a look at that time. */
static unsigned look(int64_t when)
{
	lines = 0;
	now = when;
	expiry_watch();
	return lines;
}

static void test_each_day(void **state)
{
	const int64_t end = start + 90 * DAY;

	(void)state;
	use("[s:*]\n", end - 15 * DAY);
	assert_int_equal(look(end - 14 * DAY), 0);
	assert_int_equal(look(end - 14 * DAY + 1), 1);
	assert_non_null(strstr(last, "certificate_warn_days: the certificate in '"));
	assert_non_null(strstr(
		last, "/cert.pem', of [server:default], expires in 13 days, on 2024-02-12 22:13 UTC; put"));
	assert_int_equal(look(end - 14 * DAY + 2), 0);
	assert_int_equal(look(end - 13 * DAY), 0);
	assert_int_equal(look(end - 13 * DAY + 1), 1);
	assert_non_null(strstr(last, "expires in 12 days, "));
	assert_int_equal(look(end - 2 * DAY), 1); /* a machine that slept */
	assert_non_null(strstr(last, "expires in 2 days, "));
	assert_int_equal(look(end - DAY - 1), 1);
	assert_non_null(strstr(last, "expires in 1 day, "));
	assert_int_equal(look(end - 1), 1);
	assert_non_null(strstr(last, "expires in less than a day, on "));
	assert_int_equal(look(end), 0);
	assert_int_equal(look(end + 1), 1);
	assert_non_null(strstr(last, "expired on 2024-02-12 22:13 UTC; "));
	assert_int_equal(look(end + DAY), 0);
	assert_int_equal(look(end + DAY + 1), 1);
	leave();
}

/* What lives for six days is warned of in its last two. */
static void test_brief(void **state)
{
	const int64_t end = start + 6 * DAY;

	(void)state;
	use("[s:*]\ncertificate=brief.pem\n", start);
	assert_int_equal(look(end - 2 * DAY), 0);
	assert_int_equal(look(end - 2 * DAY + 1), 1);
	assert_int_equal(look(end - DAY + 1), 1);
	leave();
}

static void test_off(void **state)
{
	(void)state;
	params.certificate_warn_days = 0;
	use("[s:*]\n", start);
	assert_int_equal(look(start + 89 * DAY), 0);
	assert_int_equal(look(start + 91 * DAY), 0);
	expiry_warn(supervisor.parts.set, &params, now, &warnings);
	assert_int_equal(warnings.count, 0);
	leave();
	params.certificate_warn_days = 14;
}

/* At the start and at a reload; who starts then is not told twice. */
static void test_at_once(void **state)
{
	const int64_t end = start + 90 * DAY;

	(void)state;
	use("[s:*]\n[s:any]\nserver_name=a\n[c:*]\ncertificate=cert.pem\n", end - 20 * DAY);
	expiry_warn(supervisor.parts.set, &params, now, &warnings);
	assert_int_equal(warnings.count, 0);
	now = end - 10 * DAY + HOUR;
	expiry_watch_begin();
	expiry_warn(supervisor.parts.set, &params, now, &warnings);
	assert_int_equal(warnings.count, 1);
	assert_true(said(&warnings, "of [server:default] and 2 more domains, expires in 9 days, on "));
	assert_int_equal(look(now + 1), 0);
	/* The building of a set warns of what has expired. */
	hear_nothing();
	now = end + DAY;
	expiry_warn(supervisor.parts.set, &params, now, &warnings);
	assert_int_equal(warnings.count, 0);
	leave();
}

static void test_many(void **state)
{
	char text[64 * MANY] = "[s:*]\n";

	(void)state;
	for (int i = 0; i < MANY; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"[s:any]\nserver_name=n%d\ncertificate=%d.pem\n", i, i);
	use(text, start);
	assert_int_equal(look(start + 89 * DAY), 33);
	assert_string_equal(last, "certificate_warn_days: tls.certificates shows 9 more");
	leave();
}

static void test_shown(void **state)
{
	struct expiries *e;

	(void)state;
	e = expiries_copy();
	assert_int_equal(e->count, 0);
	free(e);
	assert_int_equal(expiries_days(0), EXPIRIES_DAYS_MAX);
	use("[s:*]\n[s:any]\nserver_name=a.example\ncertificate=brief.pem\n", start + HOUR);
	expiries_use(expiries_make(supervisor.parts.set));
	assert_int_equal(expiries_days(0), 5);
	assert_int_equal(expiries_days(1), EXPIRIES_DAYS_MAX);
	e = expiries_copy();
	assert_int_equal(e->count, 2);
	assert_int_equal(e->entries[0].end, start + 6 * DAY);
	assert_int_equal(e->entries[0].what, CFG_EXPIRING_CERTIFICATE);
	assert_string_equal(expiries_text(e, e->entries[0].domain), "[server:any] a.example");
	assert_non_null(strstr(expiries_text(e, e->entries[0].file), "/brief.pem"));
	assert_int_equal(e->entries[1].end, start + 90 * DAY);
	assert_string_equal(expiries_text(e, e->entries[1].domain), "[server:default]");
	free(e);
	now = start + 6 * DAY + 1;
	assert_int_equal(expiries_days(0), 0);
	assert_int_equal(expiry_days(start + 6 * DAY, now), -1);
	leave();
	use("[s:*]\n", start);
	expiries_use(expiries_make(supervisor.parts.set)); /* after a reload */
	assert_int_equal(expiries_days(0), 90);
	expiries_use(NULL);
	leave();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_day),
		cmocka_unit_test(test_brief),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_shown),
	};

	return cmocka_run_group_tests_name("expiry_watch", tests, prepare, clean_up);
}
