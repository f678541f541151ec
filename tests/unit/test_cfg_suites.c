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

static void test_suites_of_the_system(void **state)
{
	char *conf = folder_path("openssl.cnf");
	int status;
	pid_t pid;

	(void)state;
	folder_add_text("openssl.cnf",
		"openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = ours\n"
		"[ours]\nCipherString = AES128-SHA:@SECLEVEL=0\n");
	pid = fork(); /* what is loaded stays loaded */
	assert_true(pid >= 0);
	if (!pid)
		_exit(takes_suites_of_the_system(conf) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	free(conf);
}

static void test_versions(void **state)
{
	static const struct cfg_versions ranges[] = {{TLS1_2_VERSION, TLS1_2_VERSION},
		{TLS1_2_VERSION, TLS1_3_VERSION}, {TLS1_3_VERSION, TLS1_3_VERSION}};

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
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests_name("cfg_suites", tests, make_files, free_files);
}
