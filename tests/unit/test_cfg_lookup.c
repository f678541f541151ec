/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which domain a connection belongs to. */
#include "configs.h"

#include "cfg/lookup.h"

#include <string.h>

struct server_case {
	const char *local, *name;
	unsigned line; /* where the domain begins */
};

/* line 0: the default, wherever it is. */
static void check_line(const struct cfg_domain *d, unsigned line, const char *what)
{
	if (line ? d->line != line : !d->is_default)
		fail_msg("%s: not line %u but %u", what, line, d->line);
}

static void check_servers(const char *text, const struct server_case *cases, unsigned count)
{
	struct cfg_config *config = config_of(text);

	for (unsigned i = 0; i < count; i++)
		check_line(cfg_find_server(config, address_of(cases[i].local), cases[i].name), cases[i].line,
			cases[i].name ? cases[i].name : "no name");
	cfg_config_unref(config);
}

static void test_addresses(void **state)
{
	static const struct server_case cases[] = {
		{"192.0.2.1:5061", NULL, 2},
		{"192.0.2.1:5062", NULL, 1},
		{"192.0.2.2:5061", NULL, 0},
		{"[2001:db8::1]:5061", NULL, 3},
		{"[2001:db8::1]:5062", NULL, 0},
		{NULL, NULL, 0},
		{"192.0.2.1:5061", "any.example", 2}, /* addresses go before names */
		{"192.0.2.2:5061", "any.example", 4},
		{NULL, "any.example", 4},
		{"192.0.2.2:5061", "other.example", 0},
	};

	(void)state;
	check_servers("[s:192.0.2.1:0]\n[s:192.0.2.1:5061]\n[s:[2001:db8::1]:5061]\n[s:any]\n"
		      "server_name=any.example\n[s:*]\n",
		cases, COUNT(cases));
}

static void test_names(void **state)
{
	static const struct server_case cases[] = {
		{NULL, "example.com", 1},
		{NULL, "EXAMPLE.com", 1},
		{NULL, "example.com.", 1},
		{NULL, "a.example.com", 3},
		{NULL, "b.a.example.com", 6}, /* the longer name, whatever is defined first */
		{NULL, "a.b.a.example.com", 6},
		{NULL, "A.B.a.example.COM.", 6},
		{NULL, "xexample.com", 0},
		{NULL, "xyexample.com", 0},
		{NULL, "example.org", 9},
		{NULL, "a.example.org", 9},
		{NULL, "example.net", 12},
		{NULL, "a.example.net", 14},
		{NULL, ".example.org", 0},
		{NULL, "com", 0},
		{NULL, ".", 0},
		{NULL, "", 0},
		{NULL, NULL, 0},
	};
	/* The same domains, in another order, are found all the same. */
	static const char *const texts[] = {
		"[s:any]\nserver_name=example.com\n[s:any]\nserver_name=example.com\nserver_name_mode=2\n"
		"[s:any]\nserver_name=a.example.com\nserver_name_mode=2\n"
		"[s:any]\nserver_name=example.org\nserver_name_mode=1\n"
		"[s:any]\nserver_name=example.net\n[s:any]\nserver_name=example.net\nserver_name_mode=1\n",
		"[s:any]\nserver_name_mode=1\nserver_name=example.net\n[s:any]\nserver_name=example.net\n"
		"[s:any]\nserver_name=example.org\nserver_name_mode=1\n"
		"[s:any]\nserver_name=a.example.com\nserver_name_mode=2\n"
		"[s:any]\nserver_name=example.com\nserver_name_mode=2\n[s:any]\nserver_name=example.com\n",
	};
	struct cfg_config *a = config_of(texts[0]), *b = config_of(texts[1]);

	(void)state;
	check_servers(texts[0], cases, COUNT(cases));
	for (unsigned i = 0; i < COUNT(cases); i++) {
		const struct cfg_domain *x = cfg_find_server(a, NULL, cases[i].name);
		const struct cfg_domain *y = cfg_find_server(b, NULL, cases[i].name);

		assert_int_equal(x->is_default, y->is_default);
		if (!x->is_default)
			assert_string_equal(x->server_name, y->server_name);
		assert_int_equal(x->server_name_mode, y->server_name_mode);
	}
	cfg_config_unref(a);
	cfg_config_unref(b);
}

static void test_names_at_an_address(void **state)
{
	static const struct server_case cases[] = {
		{"192.0.2.1:5061", "a.example", 1},
		{"192.0.2.1:5061", "b.example", 3},
		{"192.0.2.1:5061", "c.example", 5}, /* the one without a name, before any */
		{"192.0.2.1:5061", NULL, 5},
		{"192.0.2.2:5061", "a.example", 6},
		{"192.0.2.2:5061", "c.example", 10}, /* none without a name: any */
		{"192.0.2.2:5061", "d.example", 12},
		{"192.0.2.2:5061", NULL, 8}, /* no name sent: the last of the address */
		{"192.0.2.2:5061", "", 8},
		{"192.0.2.3:5061", "a.example", 12},
		{"192.0.2.3:5061", NULL, 12},
	};

	(void)state;
	check_servers("[s:192.0.2.1:5061]\nserver_name=a.example\n[s:192.0.2.1:5061]\nserver_name=b.example\n"
		      "[s:192.0.2.1:5061]\n[s:192.0.2.2:5061]\nserver_name=a.example\n"
		      "[s:192.0.2.2:5061]\nserver_name=b.example\n[s:any]\nserver_name=c.example\n[s:any]\n",
		cases, COUNT(cases));
}

static void test_clients(void **state)
{
	static const struct {
		const char *id, *remote, *name;
		unsigned line;
	} cases[] = {
		{NULL, "192.0.2.1:5061", NULL, 1},
		{NULL, "192.0.2.1:5062", NULL, 2},
		{NULL, "192.0.2.2:5061", NULL, 0},
		{"one", "192.0.2.1:5061", "c.example", 3}, /* the id goes before all */
		{"ONE", NULL, NULL, 3},
		{"two", "192.0.2.3:5061", NULL, 5},
		{"two", "192.0.2.4:5061", NULL, 7},
		{"two", "192.0.2.5:5061", NULL, 7}, /* at no address of these: the last */
		{"three", "192.0.2.1:5061", NULL, 1},
		{NULL, "192.0.2.3:5061", NULL, 5}, /* one with an id serves its address, too */
		{NULL, "192.0.2.1:5061", "c.example", 1},
		{NULL, "192.0.2.2:5061", "c.example", 9},
		{NULL, "192.0.2.2:5061", "a.c.example", 9},
		{NULL, "192.0.2.6:5061", "c.example", 12},
		{NULL, "192.0.2.6:5061", NULL, 12}, /* the name of the one that is there is to be sent */
		{NULL, NULL, NULL, 0},
		{"", NULL, "", 0},
	};
	struct cfg_config *config =
		config_of("[c:192.0.2.1:5061]\n[c:192.0.2.1:0]\n[c:any]\nserver_id=one\n"
			  "[c:192.0.2.3:5061]\nserver_id=two\n[c:192.0.2.4:5061]\nserver_id=Two\n"
			  "[c:any]\nserver_name=c.example\nserver_name_mode=1\n"
			  "[c:192.0.2.6:5061]\nserver_name=x.example\n[s:192.0.2.9:5061]\nserver_id=one\n");

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++)
		check_line(cfg_find_client(config, cases[i].id, address_of(cases[i].remote), cases[i].name),
			cases[i].line, cases[i].id ? cases[i].id : "no id");
	cfg_config_unref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_at_an_address),
		cmocka_unit_test(test_clients),
	};

	return cmocka_run_group_tests_name("cfg_lookup", tests, NULL, NULL);
}
