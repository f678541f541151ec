/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a built context speaks: suites and versions. */
#include "domains.h"
#include "folder.h"

#include <openssl/conf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct identity ec;

static int make_files(void **state)
{
	(void)state;
	ec = make_identity("EC", "ec", NULL);
	folder_open();
	folder_add_cert("ec.pem", ec.cert);
	folder_add_key("ec.key", ec.key, NULL);
	return 0;
}

static int free_files(void **state)
{
	(void)state;
	folder_close();
	free_identity(&ec);
	return 0;
}

static void refuse_suites(const char *list, const char *reason)
{
	struct cfg_domain d = make_domain("ec.pem", "ec.key", NULL);

	d.cipher_list = strdup(list);
	build_refused(&d, "cipher_list", list, reason);
}

static void test_suites_refused(void **state)
{
	(void)state;
	refuse_suites("NO-SUCH-SUITE", "no suite that OpenSSL knows");
	refuse_suites("", "no suite that OpenSSL knows");
	refuse_suites("TLS_AES_128_GCM_SHA256", "no suite that OpenSSL knows");
	refuse_suites("%s%n", "no suite that OpenSSL knows");
}

/* All suites of the list stay, in its order, whether or not their records can be protected without OpenSSL.
 */
static void check_suites(const char *list, const char *const *want, int count)
{
	struct cfg_domain d = make_domain("ec.pem", "ec.key", NULL);
	STACK_OF(SSL_CIPHER) * suites;
	SSL_CTX *ctx;
	int left = 0, tls13 = 0;

	d.cipher_list = list ? strdup(list) : NULL;
	ctx = build_good(&d);
	suites = SSL_CTX_get_ciphers(ctx);
	for (int i = 0; i < sk_SSL_CIPHER_num(suites); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(suites, i);

		if (!strcmp(SSL_CIPHER_get_version(c), "TLSv1.3")) {
			tls13++;
			continue;
		}
		if (want && left < count)
			assert_string_equal(SSL_CIPHER_get_name(c), want[left]);
		left++;
	}
	assert_true(tls13 >= 1);
	assert_true(want ? left == count : left >= count);
	SSL_CTX_free(ctx);
	cfg_domain_clear(&d);
}

static void test_suites(void **state)
{
	static const char *const mixed[] = {"ECDHE-RSA-AES256-GCM-SHA384", "AES128-SHA",
		"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-CCM", "AES256-SHA256",
		"ECDHE-ECDSA-CHACHA20-POLY1305"};

	(void)state;
	check_suites("ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA:ECDHE-ECDSA-AES128-GCM-SHA256:"
		     "ECDHE-ECDSA-AES256-CCM:AES256-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:NO-SUCH-SUITE",
		mixed, 6);
	check_suites("ECDHE-ECDSA-AES128-SHA256:AES128-SHA",
		(const char *const[]){"ECDHE-ECDSA-AES128-SHA256", "AES128-SHA"}, 2);
	check_suites("ECDHE-ECDSA-AES128-CCM", (const char *const[]){"ECDHE-ECDSA-AES128-CCM"}, 1);
	check_suites("HIGH:!aNULL", NULL, 6);
	check_suites("ALL:@SECLEVEL=0", NULL, 6); /* the longest there can be */
	check_suites(NULL, NULL, 6);
}

/* Without a list of suites the one that the system has for all its programs is taken as it is. */
static int takes_suites_of_the_system(const char *conf)
{
	struct cfg_domain d = make_domain("ec.pem", "ec.key", NULL);
	struct cfg_error e, warning;
	STACK_OF(SSL_CIPHER) * suites;
	SSL_CTX *ctx;
	int last;

	if (CONF_modules_load_file(conf, NULL, 0) != 1 || !(ctx = build_context(&d, &e, &warning)))
		return 0;
	suites = SSL_CTX_get_ciphers(ctx);
	last = sk_SSL_CIPHER_num(suites) - 1;
	return !strcmp(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(suites, last)), "AES128-SHA") &&
	       !strcmp(SSL_CIPHER_get_version(sk_SSL_CIPHER_value(suites, last - 1)), "TLSv1.3");
}

/* In a process of its own, because what is loaded stays loaded. */
static void with_system(const char *settings, int (*check)(const char *conf))
{
	static int number;
	char text[512], name[32], *conf;
	int status;
	pid_t pid;

	snprintf(text, sizeof(text),
		"openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = ours\n[ours]\n%s",
		settings);
	snprintf(name, sizeof(name), "openssl-%d.cnf", number++);
	folder_add_text(name, text);
	conf = folder_path(name);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(check(conf) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	free(conf);
}

static void test_suites_of_the_system(void **state)
{
	(void)state;
	with_system("CipherString = AES128-SHA:@SECLEVEL=0\n", takes_suites_of_the_system);
}

/* Versions of a context with that method, NULL: none is set. 0: there is no context. */
static int has_versions(const char *method, int min, int max)
{
	struct cfg_domain d = make_domain("ec.pem", "ec.key", NULL);
	struct cfg_error e, warning;
	SSL_CTX *ctx;
	int same;

	d.versions.min = 0;
	if (method && cfg_parse_method("method", method, &d.versions, &e))
		return 0;
	cfg_domain_defaults(&d, NULL);
	ctx = build_context(&d, &e, &warning);
	if (!ctx || !min)
		return !ctx && !min && strstr(e.text, "no version is left") && strstr(e.text, "MaxProtocol");
	same = SSL_CTX_get_min_proto_version(ctx) == min && SSL_CTX_get_max_proto_version(ctx) == max;
	SSL_CTX_free(ctx);
	return same;
}

static int takes_newest_version(const char *conf)
{
	return CONF_modules_load_file(conf, NULL, 0) == 1 &&
	       has_versions(NULL, TLS1_2_VERSION, TLS1_2_VERSION) &&
	       has_versions("SSLv23", TLS1_2_VERSION, TLS1_2_VERSION) &&
	       has_versions("TLSv1.2+", TLS1_2_VERSION, TLS1_2_VERSION) && has_versions("TLSv1.3+", 0, 0) &&
	       has_versions("TLSv1.3", TLS1_3_VERSION, TLS1_3_VERSION);
}

static int takes_oldest_version(const char *conf)
{
	return CONF_modules_load_file(conf, NULL, 0) == 1 &&
	       has_versions(NULL, TLS1_3_VERSION, TLS1_3_VERSION) &&
	       has_versions("SSLv23", TLS1_3_VERSION, TLS1_3_VERSION) &&
	       has_versions("TLSv1.2+", TLS1_2_VERSION, TLS1_3_VERSION) &&
	       has_versions("TLSv1.2", TLS1_2_VERSION, TLS1_2_VERSION);
}

static int takes_what_is_ours(const char *conf)
{
	return CONF_modules_load_file(conf, NULL, 0) == 1 &&
	       has_versions(NULL, TLS1_2_VERSION, TLS1_3_VERSION) &&
	       has_versions("TLSv1+", TLS1_2_VERSION, TLS1_3_VERSION);
}

/* They hold unless the method says otherwise. */
static void test_versions_of_the_system(void **state)
{
	(void)state;
	with_system("MaxProtocol = TLSv1.2\n", takes_newest_version);
	with_system("MinProtocol = TLSv1.3\n", takes_oldest_version);
	with_system("MinProtocol = TLSv1\n", takes_what_is_ours);
}

static void test_versions(void **state)
{
	static const struct cfg_versions ranges[] = {{TLS1_2_VERSION, TLS1_2_VERSION, 0},
		{TLS1_2_VERSION, TLS1_3_VERSION, 0}, {TLS1_3_VERSION, TLS1_3_VERSION, 0}};

	(void)state;
	for (unsigned i = 0; i < COUNT(ranges); i++) {
		struct cfg_domain d = make_domain("ec.pem", "ec.key", NULL);
		SSL_CTX *ctx;

		d.versions = ranges[i];
		ctx = build_good(&d);
		assert_int_equal(SSL_CTX_get_min_proto_version(ctx), ranges[i].min);
		assert_int_equal(SSL_CTX_get_max_proto_version(ctx), ranges[i].max);
		for (int version = ranges[i].min; version <= ranges[i].max; version++)
			check_works(ctx, version, &ec);
		SSL_CTX_free(ctx);
		cfg_domain_clear(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suites_refused),
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_suites_of_the_system),
		cmocka_unit_test(test_versions_of_the_system),
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests_name("cfg_suites", tests, make_files, free_files);
}
