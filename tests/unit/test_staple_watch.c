/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said of OCSP responses that become stale while SER runs. */
#include "folder.h"
#include "responses.h"
#include "sets.h"

#include "ser/shared/log.h"
#include "ser/shared/services.h"
#include "ser/supervisor/private.h"
#include "ser/supervisor/staple_watch.h"

#include <string.h>
#include <time.h>

#define TWO_DOMAINS                                                                                          \
	"[s:*]\nca_list=ca.pem\nocsp_file=good\n[s:any]\nserver_name=a.example\nca_list=ca.pem\nocsp_file="  \
	"good\n"

struct supervisor supervisor;

static struct identity ca, server;
static time_t later; /* seconds by which our clock is ahead; responses are good for an hour */
static unsigned lines;
static char last[1024];

time_t __real_time(time_t *t);
time_t __wrap_time(time_t *t);

time_t __wrap_time(time_t *t)
{
	time_t now = __real_time(NULL) + later;

	if (t)
		*t = now;
	return now;
}

static void hear(const struct log_place *place, int level, const char *text)
{
	(void)place;
	assert_int_equal(level, LOG_LEVEL_WARNING);
	lines++;
	snprintf(last, sizeof(last), "%s", text);
}

static int prepare(void **state)
{
	struct response good;

	(void)state;
	services.log = hear;
	ca = make_authority("ca", NULL);
	server = make_identity("EC", "server", &ca);
	good = make_good_response(&server, &ca);
	sets_open_folder();
	folder_add_identity("cert.pem", &server);
	folder_add_cert("ca.pem", ca.cert);
	folder_add_bytes("good", good.der, good.len);
	OPENSSL_free(good.der);
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	sets_close_folder();
	free_identity(&ca);
	free_identity(&server);
	return 0;
}

static unsigned look(time_t then)
{
	lines = 0;
	later = then;
	staple_watch();
	return lines;
}

/* When it becomes stale, once for all domains that share the file. */
static void test_once(void **state)
{
	struct cfg_set *set = set_of(TWO_DOMAINS);

	(void)state;
	supervisor.parts.set = set;
	assert_int_equal(look(0), 0);
	assert_int_equal(look(1800), 0);
	assert_int_equal(look(3700), 1);
	assert_non_null(strstr(last, "good' is stale now, so this OCSP response is not sent any more"));
	assert_int_equal(look(3800), 0);
	later = 0;
	cfg_set_unref(set);
}

/* The set before was looked at meanwhile. */
static void test_while_a_reload_goes_on(void **state)
{
	struct cfg_set *before = set_of("[s:*]\n"), *set = set_of(TWO_DOMAINS);

	(void)state;
	supervisor.parts.set = before;
	assert_int_equal(look(3700), 0);
	supervisor.parts.set = set;
	assert_int_equal(look(3800), 1);
	assert_int_equal(look(3900), 0);
	later = 0;
	cfg_set_unref(set);
	cfg_set_unref(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_while_a_reload_goes_on),
	};

	return cmocka_run_group_tests_name("staple_watch", tests, prepare, clean_up);
}
