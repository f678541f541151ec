/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses: of sections and in front of modparams. */
#include "configs.h"

#include <stdlib.h>
#include <string.h>

static void test_addresses(void **state)
{
	static const char *const good[][2] = {
		{"192.0.2.1:5061", "192.0.2.1:5061"},
		{"0.0.0.0:0", "0.0.0.0:0"},
		{"192.0.2.1:65535", "192.0.2.1:65535"},
		{"[2001:DB8::1]:5061", "[2001:db8::1]:5061"},
		{"[::]:0", "[::]:0"},
		{"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.1]:1"},
	};
	char text[CFG_SCOPE_TEXT];
	struct cfg_scope scope;

	(void)state;
	for (unsigned i = 0; i < COUNT(good); i++) {
		assert_int_equal(cfg_parse_address(good[i][0], &scope), 0);
		assert_string_equal(cfg_scope_text(&scope, text), good[i][1]);
	}
}

static void test_addresses_refused(void **state)
{
	static const char *const bad[] = {"", ":", ":5061", "192.0.2.1", "192.0.2.1:", "192.0.2.1:-1",
		"192.0.2.1:65536", "192.0.2.1:5061 ", "192.0.2.1: 5061", "192.0.2.1:+5", "192.0.2:5061",
		"192.0.2.256:5061", "2001:db8::1:5061", "[]:1", "[::1]", "[::1", "[192.0.2.1]:1",
		"[::1%lo]:1", "host.example:5061", "[::1]]:1", "]:1", "[:1",
		"[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]:1"};
	struct cfg_scope scope = {.address.any.sa_family = 77};

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++)
		assert_int_equal(cfg_parse_address(bad[i], &scope), -1);
	assert_int_equal(scope.address.any.sa_family, 77);
}

static void test_has(void **state)
{
	static const struct {
		const char *scope, *address;
		int has;
	} cases[] = {
		{"192.0.2.1:5061", "192.0.2.1:5061", 1},
		{"192.0.2.1:5061", "192.0.2.1:5062", 0},
		{"192.0.2.1:5061", "192.0.2.2:5061", 0},
		{"192.0.2.1:0", "192.0.2.1:5062", 1},
		{"192.0.2.1:0", "192.0.2.2:5062", 0},
		{"[2001:db8::1]:5061", "[2001:db8::1]:5061", 1},
		{"[2001:db8::1]:5061", "[2001:db8::1]:5062", 0},
		{"[2001:db8::1]:0", "[2001:db8::1]:5062", 1},
		{"[2001:db8::1]:0", "[2001:db8::2]:5062", 0},
		{"[::ffff:192.0.2.1]:1", "192.0.2.1:1", 0},
		{"192.0.2.1:1", "[::1]:1", 0},
	};
	struct cfg_scope any = {.address.any.sa_family = AF_UNSPEC}, a, b;

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		assert_int_equal(cfg_parse_address(cases[i].scope, &a), 0);
		assert_int_equal(cfg_parse_address(cases[i].address, &b), 0);
		assert_int_equal(cfg_scope_has(&a, &b.address.any), cases[i].has);
		assert_int_equal(cfg_scope_has(&any, &b.address.any), 1);
		assert_int_equal(cfg_scope_equals(&a, &b), !strcmp(cases[i].scope, cases[i].address));
		assert_int_equal(cfg_scope_equals(&a, &a), 1);
		assert_int_equal(cfg_scope_equals(&any, &a) || cfg_scope_equals(&a, &any), 0);
	}
	assert_int_equal(cfg_scope_equals(&any, &any), 1);
}

static void test_params(void **state)
{
	static const struct {
		const char *text, *scope, *value;
		int outgoing;
	} cases[] = {
		{"cert.pem", "any", "cert.pem", 0},
		{"", "any", "", 0},
		{"192.0.2.1:5061=cert.pem", "192.0.2.1:5061", "cert.pem", 0},
		{"@192.0.2.1:5061=cert.pem", "192.0.2.1:5061", "cert.pem", 1},
		{"@[2001:db8::1]:0=a=b", "[2001:db8::1]:0", "a=b", 1},
		{"192.0.2.1:5061=", "192.0.2.1:5061", "", 0},
		/* What belongs to the value. */
		{"ALL:@SECLEVEL=0", "any", "ALL:@SECLEVEL=0", 0},
		{"@SECLEVEL=0", "any", "@SECLEVEL=0", 0},
		{"@SECLEVEL=0:ALL", "any", "@SECLEVEL=0:ALL", 0},
		{"/uri:pkcs11:object=a", "any", "/uri:pkcs11:object=a", 0},
		{"./a=b.pem", "any", "./a=b.pem", 0},
		{"dir:1/a=b.pem", "any", "dir:1/a=b.pem", 0},
		{"a=b.pem", "any", "a=b.pem", 0},
		{"192.0.2.1:5061=/uri:pkcs11:object=a", "192.0.2.1:5061", "/uri:pkcs11:object=a", 0},
	};
	char text[CFG_SCOPE_TEXT];

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct cfg_scope scope;
		struct cfg_error e;
		const char *value;
		int outgoing = 7;

		assert_int_equal(
			cfg_parse_param_scope("p", cases[i].text, 0, &outgoing, &scope, &value, &e), 0);
		assert_string_equal(cfg_scope_text(&scope, text), cases[i].scope);
		assert_string_equal(value, cases[i].value);
		assert_int_equal(outgoing, cases[i].outgoing);
	}
}

static void test_params_refused(void **state)
{
	static const char *const bad[] = {"192.0.2.1=a", "192.0.2.1:=a", "192.0.2.1:99999=a",
		"192.0.2.256:5061=a", "host.example:5061=a", "@host.example:5061=a", "@192.0.2.1=a",
		":5061=a", "2001:db8::1=a", "[::1]=a", "::1:5061=a", "@@192.0.2.1:5061=a"};

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++) {
		struct cfg_scope scope;
		struct cfg_error e;
		const char *value;
		int outgoing;

		assert_int_equal(
			cfg_parse_param_scope("certificate", bad[i], 0, &outgoing, &scope, &value, &e), -1);
		if (strncmp(e.text, "certificate: ", 13) || !strstr(e.text, bad[i]))
			fail_msg("%s", e.text);
		/* A password may look like that. */
		assert_int_equal(
			cfg_parse_param_scope("certificate", bad[i], 1, &outgoing, &scope, &value, &e), 0);
		assert_string_equal(value, bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_addresses_refused),
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_params_refused),
	};

	return cmocka_run_group_tests_name("cfg_scope", tests, NULL, NULL);
}
