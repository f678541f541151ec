/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two things that are small: the stock module's parameters, and the name in a ClientHello's extension. */
#include "support.h"

#include "cfg/attribute.h"
#include "cfg/sni.h"
#include "cfg/stock_params.h"

#include <string.h>

static void test_stock_params(void **state)
{
	unsigned uses[3] = {0};

	(void)state;
	for (const struct cfg_stock_param *p = cfg_stock_params; p->name; p++) {
		uses[p->use]++;
		assert_ptr_equal(cfg_find_stock_param(p->name), p); /* no name twice */
		assert_int_equal(p->use == CFG_STOCK_NO_MEANING, p->why != NULL);
		assert_int_equal(p->use == CFG_STOCK_ATTRIBUTE, cfg_find_attribute(p->name) != NULL);
		assert_int_equal(strncmp(p->since, "5.", 2) && strncmp(p->since, "6.", 2), 0);
	}
	assert_int_equal(uses[CFG_STOCK_ATTRIBUTE], 13);
	assert_int_equal(uses[CFG_STOCK_MODULE], 11);
	assert_int_equal(uses[CFG_STOCK_NO_MEANING], 21);
	assert_null(cfg_find_stock_param("ktls"));
}

static void test_stock_settings(void **state)
{
	unsigned count = 0;

	(void)state;
	for (const struct cfg_stock_setting *s = cfg_stock_settings; s->name; s++) {
		const struct cfg_stock_param *p = s->param ? cfg_find_stock_param(s->param) : NULL;

		count++;
		assert_int_equal(s->param != NULL, p != NULL);
		if (p)
			assert_int_equal(p->type, s->type);
		assert_true(s->type == CFG_STOCK_STR ? !s->min && !s->max : s->min < s->max);
	}
	assert_int_equal(count, 32);
}

static int parse(const char *hex, char *out)
{
	uint8_t bytes[512];
	size_t len = unhex(hex, bytes, sizeof(bytes));

	return cfg_sni_parse(bytes, len, out);
}

static void test_name(void **state)
{
	char out[CFG_SNI_MAX + 1];

	(void)state;
	assert_int_equal(parse("0006000003616263", out), 0);
	assert_string_equal(out, "abc");
	assert_int_equal(parse("000400000161", out), 0);
	assert_string_equal(out, "a");
}

static void test_name_refused(void **state)
{
	static const char *const bad[] = {
		"00",
		"0000",
		"00030000",
		"0003000000",                     /* a name of no bytes */
		"0006000003616200",               /* holds a 0 */
		"0006010003616263",               /* not a host name */
		"0005000003616263",               /* the list is longer than it says */
		"0007000003616263",               /* shorter */
		"0006000004616263",               /* the name is */
		"0006000002616263",               /* something behind the name */
		"000c00000361626300000364656600", /* two names */
		"ffff00ffff",
	};
	uint8_t longest[5 + CFG_SNI_MAX + 1] = {1, 3, 0, 1, 0};
	char out[CFG_SNI_MAX + 1] = "kept";

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++)
		assert_int_equal(parse(bad[i], out), -1);
	memset(longest + 5, 'a', CFG_SNI_MAX + 1);
	assert_int_equal(cfg_sni_parse(longest, sizeof(longest), out), -1);
	assert_int_equal(cfg_sni_parse(longest, 0, out), -1);
	assert_string_equal(out, "kept");
	longest[1] = 2;
	longest[3] = 0;
	longest[4] = CFG_SNI_MAX;
	assert_int_equal(cfg_sni_parse(longest, sizeof(longest) - 1, out), 0);
	assert_int_equal(strlen(out), CFG_SNI_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stock_params),
		cmocka_unit_test(test_stock_settings),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_name_refused),
	};

	return cmocka_run_group_tests_name("cfg_tables", tests, NULL, NULL);
}
