/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of parameters: what is taken, what is refused, and in which words. */
#include "support.h"

#include "cfg/domain.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* One sentence for the operator: it names the parameter and the value, on one line. */
static void assert_sentence(const struct cfg_error *e, const char *param, const char *value)
{
	assert_true(memchr(e->text, '\0', sizeof(e->text)) != NULL);
	if (strncmp(e->text, param, strlen(param)) || !strstr(e->text, value))
		fail_msg("'%s' does not name %s and %s", e->text, param, value);
	for (const char *p = e->text; *p; p++)
		assert_false(iscntrl((unsigned char)*p));
	assert_true(strlen(e->text) > strlen(param) + strlen(value) + 10);
}

enum {
	AS_IT_IS,
	LOWER,
	UPPER,
	MIXED,
	CASES,
};

static const char *in_case(int how, const char *text)
{
	static char out[64];
	size_t i;

	for (i = 0; text[i]; i++) {
		int upper = how == UPPER || (how == MIXED && i % 2);

		if (how == AS_IT_IS)
			out[i] = text[i];
		else
			out[i] = (char)(upper ? toupper((unsigned char)text[i])
					      : tolower((unsigned char)text[i]));
	}
	out[i] = '\0';
	return out;
}

static void test_methods(void **state)
{
	static const struct {
		const char *name;
		int min, max;
	} methods[] = {
		{"SSLv23", TLS1_2_VERSION, TLS1_3_VERSION},
		{"TLSv1+", TLS1_2_VERSION, TLS1_3_VERSION},
		{"TLSv1.0+", TLS1_2_VERSION, TLS1_3_VERSION},
		{"TLSv1.1+", TLS1_2_VERSION, TLS1_3_VERSION},
		{"TLSv1.2+", TLS1_2_VERSION, TLS1_3_VERSION},
		{"TLSv1.3+", TLS1_3_VERSION, TLS1_3_VERSION},
		{"TLSv1.2", TLS1_2_VERSION, TLS1_2_VERSION},
		{"TLSv1.3", TLS1_3_VERSION, TLS1_3_VERSION},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(methods); i++)
		for (int how = 0; how < CASES; how++) {
			struct cfg_versions v = {0, 0, 0};
			struct cfg_error e = {.text = ""};

			assert_int_equal(
				cfg_parse_method("method", in_case(how, methods[i].name), &v, &e), 0);
			assert_int_equal(v.min, methods[i].min);
			assert_int_equal(v.max, methods[i].max);
			assert_string_equal(e.text, "");
		}
}

static void refuse_method(const char *param, const char *value)
{
	struct cfg_versions v = {1, 2, 3};
	struct cfg_error e;

	memset(&e, 'x', sizeof(e));
	assert_int_equal(cfg_parse_method(param, value, &v, &e), -1);
	assert_sentence(&e, param, value);
	assert_non_null(strstr(e.text, "TLSv1.2")); /* what to write instead */
	assert_int_equal(v.min, 1);
	assert_int_equal(v.max, 2);
}

static void test_methods_refused(void **state)
{
	static const char *const old[] = {"SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1"};
	static const char *const nonsense[] = {"", " ", "TLS", "TLSv1.2 ", " TLSv1.2", "TLSv1.2++", "TLSv1.4",
		"TLSv1.22", "TLSv12", "SSLv23+", "DTLSv1.2", "1.2", "%s%n", "SSLv2\xff"};

	(void)state;
	for (unsigned i = 0; i < COUNT(old); i++)
		for (int how = 0; how < CASES; how++)
			refuse_method(i % 2 ? "method" : "tls_method", in_case(how, old[i]));
	for (unsigned i = 0; i < COUNT(nonsense); i++)
		refuse_method("tls_method", nonsense[i]);
}

static void test_booleans(void **state)
{
	static const char *const words[2][6] = {
		{"0", "no", "false", "off", "disable", "disabled"},
		{"1", "yes", "true", "on", "enable", "enabled"},
	};

	(void)state;
	for (int on = 0; on < 2; on++)
		for (unsigned i = 0; i < COUNT(words[on]); i++)
			for (int how = 0; how < CASES; how++) {
				struct cfg_error e = {.text = ""};
				int value = -1;

				assert_int_equal(
					cfg_parse_bool("b", in_case(how, words[on][i]), &value, &e), 0);
				assert_int_equal(value, on);
				assert_string_equal(e.text, "");
			}
}

static void test_booleans_refused(void **state)
{
	static const char *const wrong[] = {
		"", "2", "-1", "00", "01", "y", "n", "maybe", "yes ", " no", "on\t"};

	(void)state;
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		struct cfg_error e;
		int value = 7;

		assert_int_equal(cfg_parse_bool("verify_certificate", wrong[i], &value, &e), -1);
		assert_int_equal(value, 7);
		assert_int_equal(strncmp(e.text, "verify_certificate", 18), 0);
	}
}

static void test_integers(void **state)
{
	static const struct {
		const char *text;
		int min, max, value;
	} numbers[] = {
		{"1", 1, 3600, 1},
		{"3600", 1, 3600, 3600},
		{"10", 1, 3600, 10},
		{"010", 1, 3600, 10}, /* decimal, never octal */
		{"-5", -5, 5, -5},
		{"0", 0, 0, 0},
		{"-0", 0, 0, 0},
		{"2147483647", INT_MIN, INT_MAX, INT_MAX},
		{"-2147483648", INT_MIN, INT_MAX, INT_MIN},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(numbers); i++) {
		struct cfg_error e = {.text = ""};
		int value = 42;

		assert_int_equal(
			cfg_parse_int("n", numbers[i].text, numbers[i].min, numbers[i].max, &value, &e), 0);
		assert_int_equal(value, numbers[i].value);
		assert_int_equal(cfg_check_int("n", value, numbers[i].min, numbers[i].max, &e), 0);
		assert_string_equal(e.text, "");
	}
}

static void test_integers_refused(void **state)
{
	static const char *const wrong[] = {"0", "3601", "-1", "", " ", "ten", "10s", "10 ", "1.5", "0x10",
		"1e2", "--5", "2147483648", "4294967297", "-4294967295", "18446744073709551617",
		"99999999999999999999999"};

	(void)state;
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		struct cfg_error e;
		int value = 42;

		assert_int_equal(cfg_parse_int("handshake_timeout", wrong[i], 1, 3600, &value, &e), -1);
		assert_sentence(&e, "handshake_timeout", wrong[i]);
		assert_non_null(strstr(e.text, "3600"));
		assert_int_equal(value, 42);
	}
}

static void test_integers_checked(void **state)
{
	static const struct {
		int value;
		const char *text;
	} wrong[] = {{0, "0"}, {11, "11"}, {-1, "-1"}, {INT_MAX, "2147483647"}, {INT_MIN, "-2147483648"}};
	struct cfg_error e;

	(void)state;
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		assert_int_equal(cfg_check_int("n", wrong[i].value, 1, 10, &e), -1);
		assert_sentence(&e, "n", wrong[i].text);
	}
	assert_int_equal(cfg_check_int("n", INT_MIN, INT_MIN, INT_MAX, &e), 0);
	assert_int_equal(cfg_check_int("n", INT_MAX, INT_MIN, INT_MAX, &e), 0);
}

static void test_paths(void **state)
{
	static const struct {
		const char *config, *value, *path;
	} paths[] = {
		{"/etc/kamailio/kamailio.cfg", "cert.pem", "/etc/kamailio/cert.pem"},
		{"/etc/kamailio/kamailio.cfg", "tls/cert.pem", "/etc/kamailio/tls/cert.pem"},
		{"/etc/kamailio/kamailio.cfg", "/run/cert.pem", "/run/cert.pem"},
		{"/etc/kamailio/kamailio.cfg", "./cert.pem", "./cert.pem"},
		{"/etc/kamailio/kamailio.cfg", "../cert.pem", "../cert.pem"},
		{"/kamailio.cfg", "cert.pem", "/cert.pem"},
		{"some/kamailio.cfg", "cert.pem", "some/cert.pem"},
		{"./kamailio.cfg", "cert.pem", "./cert.pem"},
		{"kamailio.cfg", "cert.pem", "cert.pem"},
		{"", "cert.pem", "cert.pem"},
		{NULL, "cert.pem", "cert.pem"},
		{NULL, "/run/cert.pem", "/run/cert.pem"},
		{"/etc/%s/kamailio.cfg", "%n.pem", "/etc/%s/%n.pem"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(paths); i++) {
		char *path = cfg_resolve_path(paths[i].config, paths[i].value);

		assert_string_equal(path, paths[i].path);
		free(path);
	}
}

static void test_defaults(void **state)
{
	struct cfg_domain d = {.certificate = NULL};

	(void)state;
	assert_int_equal(cfg_domain_defaults(&d, "/etc/kamailio/kamailio.cfg"), 0);
	assert_int_equal(d.versions.min, TLS1_2_VERSION);
	assert_int_equal(d.versions.max, TLS1_3_VERSION);
	assert_string_equal(d.certificate, "/etc/kamailio/cert.pem");
	assert_string_equal(d.private_key, "/etc/kamailio/cert.pem");
	assert_null(d.ca_list);
	assert_null(d.cipher_list);
	assert_int_equal(cfg_domain_verify(&d), KTLS_VERIFY_NONE);
	cfg_domain_clear(&d);
	assert_zero(&d, sizeof(d));
	cfg_domain_clear(&d); /* an empty one has nothing to free */
}

static void test_defaults_keep_what_is_set(void **state)
{
	struct cfg_domain d = {.versions = {TLS1_3_VERSION, TLS1_3_VERSION},
		.certificate = strdup("/a/chain.pem"),
		.cipher_list = strdup("HIGH"),
		.ca_list = strdup("/a/ca.pem")};

	(void)state;
	/* A key that is not named stands in the certificate's file, wherever that is. */
	assert_int_equal(cfg_domain_defaults(&d, "/etc/kamailio/kamailio.cfg"), 0);
	assert_int_equal(d.versions.min, TLS1_3_VERSION);
	assert_string_equal(d.certificate, "/a/chain.pem");
	assert_string_equal(d.private_key, "/a/chain.pem");
	assert_string_equal(d.cipher_list, "HIGH");
	assert_string_equal(d.ca_list, "/a/ca.pem");
	cfg_domain_clear(&d);

	d.private_key = strdup("/a/key.pem");
	assert_int_equal(cfg_domain_defaults(&d, "/etc/kamailio/kamailio.cfg"), 0);
	assert_string_equal(d.certificate, "/etc/kamailio/cert.pem");
	assert_string_equal(d.private_key, "/a/key.pem");
	cfg_domain_clear(&d);
}

static void test_verify_modes(void **state)
{
	static const enum ktls_verify modes[2][2] = {
		{KTLS_VERIFY_NONE, KTLS_VERIFY_REQUIRE}, {KTLS_VERIFY_OPTIONAL, KTLS_VERIFY_REQUIRE}};

	(void)state;
	for (int verify = 0; verify < 2; verify++)
		for (int require = 0; require < 2; require++) {
			struct cfg_domain d = {.verify_certificate = verify, .require_certificate = require};

			assert_int_equal(cfg_domain_verify(&d), modes[verify][require]);
		}
}

/* A value may be longer than the room for the sentence. */
static void test_long_value(void **state)
{
	struct cfg_versions v;
	struct cfg_error e;
	char value[4096];

	(void)state;
	memset(value, 'a', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(cfg_parse_method("method", value, &v, &e), -1);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_int_equal(strncmp(e.text, "method: 'aaaa", 13), 0);
}

/* One sentence is one line of the log, whatever the value holds. */
static void test_value_with_control_characters(void **state)
{
	static const char *const values[] = {"TLSv1.2\n", "a\r\nERROR: b", "\033[2J", "\177", "a\tb"};
	struct cfg_versions v;
	struct cfg_error e;

	(void)state;
	for (unsigned i = 0; i < COUNT(values); i++) {
		assert_int_equal(cfg_parse_method("method", values[i], &v, &e), -1);
		assert_sentence(&e, "method", "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_methods_refused),
		cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_booleans_refused),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_integers_refused),
		cmocka_unit_test(test_integers_checked),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_defaults_keep_what_is_set),
		cmocka_unit_test(test_verify_modes),
		cmocka_unit_test(test_long_value),
		cmocka_unit_test(test_value_with_control_characters),
	};

	return cmocka_run_group_tests_name("cfg", tests, NULL, NULL);
}
