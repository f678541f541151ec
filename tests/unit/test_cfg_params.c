/* SPDX-License-Identifier: GPL-2.0-or-later */
/* modparams become domains. */
#include "configs.h"

#include "cfg/lookup.h"

#include <stdlib.h>
#include <string.h>

/* Pairs of name and value, until NULL. */
static struct cfg_config *config_with(const char *const *params)
{
	struct cfg_config *config = cfg_config_new("/etc/ser/ser.cfg");

	hear_nothing();
	assert_non_null(config);
	for (; *params; params += 2)
		cfg_add_param(config, params[0], params[1], &errors);
	return config;
}

static void finish(struct cfg_config *config)
{
	if (cfg_config_finish(config, &errors, &warnings))
		fail_msg("%s", errors.list[0].text);
}

static void test_nothing_set(void **state)
{
	struct cfg_config *config = config_with((const char *const[]){NULL});
	const struct cfg_domain *d;

	(void)state;
	finish(config);
	assert_int_equal(config->count, 2);
	d = cfg_find_server(config, NULL, NULL);
	assert_int_equal(d->kind, CFG_SERVER);
	assert_int_equal(d->is_default, 1);
	assert_string_equal(d->certificate, "/etc/ser/cert.pem");
	assert_string_equal(d->private_key, "/etc/ser/cert.pem");
	assert_int_equal(d->verify_depth, 9);
	assert_int_equal(d->ktls, 1);
	assert_string_equal(d->file, "built-in defaults");
	d = cfg_find_client(config, NULL, NULL, NULL);
	assert_int_equal(d->kind, CFG_CLIENT);
	assert_null(d->certificate);
	assert_null(d->private_key);
	assert_int_equal(warnings.count, 0);
	cfg_config_unref(config);
}

/* As the manual of 2006 has it: a value without an address is for all that have none of their own. */
static void test_inheritance(void **state)
{
	static const char *const params[] = {"certificate", "all.pem", "certificate",
		"192.0.2.1:5061=one.pem", "verify_certificate", "1", "verify_certificate",
		"@192.0.2.9:5061=0", "cipher_list", "[2001:db8::1]:5061=HIGH", "method",
		"192.0.2.1:5061=TLSv1.2", NULL};
	struct cfg_config *config = config_with(params);
	const struct cfg_domain *d;

	(void)state;
	finish(config);
	assert_int_equal(config->count, 5);
	d = cfg_find_server(config, address_of("192.0.2.1:5061"), NULL);
	assert_string_equal(d->certificate, "/etc/ser/one.pem");
	assert_string_equal(d->private_key, "/etc/ser/one.pem");
	assert_int_equal(d->verify_certificate, 1);
	assert_int_equal(d->versions.max, TLS1_2_VERSION);
	d = cfg_find_server(config, address_of("[2001:db8::1]:5061"), NULL);
	assert_string_equal(d->certificate, "/etc/ser/all.pem");
	assert_string_equal(d->cipher_list, "HIGH");
	d = cfg_find_server(config, address_of("192.0.2.1:5062"), NULL);
	assert_int_equal(d->is_default, 1);
	assert_string_equal(d->certificate, "/etc/ser/all.pem");
	assert_string_equal(d->file, "modparam");
	assert_null(d->cipher_list);
	d = cfg_find_client(config, NULL, address_of("192.0.2.9:5061"), NULL);
	assert_string_equal(d->certificate, "/etc/ser/all.pem");
	assert_int_equal(d->verify_certificate, 0);
	d = cfg_find_client(config, NULL, address_of("192.0.2.1:5061"), NULL);
	assert_int_equal(d->is_default, 1);
	assert_int_equal(d->verify_certificate, 1);
	cfg_config_unref(config);
}

static void test_names_are_not_inherited(void **state)
{
	static const char *const params[] = {"server_name", "sip.example.com", "server_id", "one",
		"verify_depth", "192.0.2.1:5061=3", "server_name", "192.0.2.2:5061=other.example.com", NULL};
	struct cfg_config *config = config_with(params);

	(void)state;
	finish(config);
	assert_null(config->domains[0]->server_name);
	assert_null(config->domains[0]->server_id);
	assert_string_equal(config->domains[1]->server_name, "other.example.com");
	assert_string_equal(cfg_find_server(config, NULL, NULL)->server_name, "sip.example.com");
	assert_ptr_equal(
		cfg_find_server(config, address_of("192.0.2.1:5061"), "x.example"), config->domains[0]);
	cfg_config_unref(config);
}

/* The same address twice is one domain; its values replace each other. */
static void test_last_counts(void **state)
{
	static const char *const params[] = {"verify_depth", "3", "verify_depth", "5", "ca_list",
		"192.0.2.1:5061=a.pem", "ca_list", "192.0.2.1:5061=b.pem", NULL};
	struct cfg_config *config = config_with(params);

	(void)state;
	assert_int_equal(cfg_add_param_int(config, "verify_depth", 6, &errors), 0);
	finish(config);
	assert_int_equal(config->count, 3);
	assert_string_equal(config->domains[0]->ca_list, "/etc/ser/b.pem");
	assert_int_equal(config->domains[0]->verify_depth, 6);
	cfg_config_unref(config);
}

/* As in the stock module, with a warning. */
static void test_odd_numbers(void **state)
{
	static const char *const params[] = {"verify_depth", "192.0.2.1:5061=1000", "ca_list", "", NULL};
	struct cfg_config *config = config_with(params);

	(void)state;
	assert_int_equal(cfg_add_param_int(config, "verify_certificate", 2, &errors), 0);
	assert_int_equal(cfg_add_param_int(config, "server_name_mode", -1, &errors), 0);
	finish(config);
	assert_int_equal(warnings.count, 4);
	assert_true(said(&warnings,
		"modparam: [server:192.0.2.1:5061]: verify_depth: 1000 is not a number from 0 to "
		"100; 100 is used"));
	assert_true(said(&warnings, "modparam: ca_list: the value is empty, so it counts as not set"));
	assert_true(said(&warnings, "modparam: verify_certificate: 2 is neither 0 nor 1; 1 is used"));
	assert_true(said(&warnings, "modparam: server_name_mode: -1 is not a number from 0 to 2; 0 is used"));
	assert_int_equal(config->domains[0]->verify_depth, 100);
	assert_int_equal(config->domains[0]->verify_certificate, 1);
	assert_null(config->domains[0]->ca_list);
	cfg_config_unref(config);
}

/* All that is wrong is said, and the domain is named. */
static void test_errors(void **state)
{
	static const char *const params[] = {"method", "TLSv9", "verify_depth", "192.0.2.1:5061=x",
		"certificate", "192.0.2.1=a.pem", "no_such", "1", "ktls", "@[::1]:5=", NULL};
	struct cfg_config *config = config_with(params);

	(void)state;
	assert_int_equal(errors.count, 5);
	assert_true(said(&errors, "modparam: method: 'TLSv9'"));
	assert_true(said(&errors, "modparam: [server:192.0.2.1:5061]: verify_depth: 'x'"));
	assert_true(said(&errors, "modparam: certificate: the address in front of '='"));
	assert_true(said(&errors, "modparam: 'no_such' is not an attribute"));
	assert_true(said(&errors, "modparam: [client:[::1]:5]: ktls: '' is neither"));
	assert_int_equal(cfg_config_finish(config, &errors, &warnings), -1);
	cfg_config_unref(config);
}

static void test_long_value(void **state)
{
	char *text = malloc(CFG_VALUE_MAX + 2);
	struct cfg_config *config = config_with((const char *const[]){NULL});

	(void)state;
	memset(text, 'a', CFG_VALUE_MAX + 1);
	text[CFG_VALUE_MAX + 1] = '\0';
	assert_int_equal(cfg_add_param(config, "cipher_list", text, &errors), -1);
	assert_true(said(&errors, "longer than 4096 bytes"));
	assert_int_equal(cfg_add_param(config, "cipher_list", text + 1, &errors), 0);
	cfg_config_unref(config);
	free(text);
}

/* A password may hold what looks like an address, and is not told to the log. */
static void test_password(void **state)
{
	static const char *const params[] = {"private_key_password", "host:1=secret", "private_key_password",
		"192.0.2.1:5061=other=secret", NULL};
	struct cfg_config *config = config_with(params);

	(void)state;
	finish(config);
	assert_string_equal(config->domains[0]->private_key_password, "other=secret");
	assert_string_equal(config->domains[1]->private_key_password, "host:1=secret");
	cfg_config_unref(config);
}

/* Beside tls.cfg only what the stock module does not have keeps its effect, and that is said. */
static void test_beside_a_file(void **state)
{
	static const char *const params[] = {
		"certificate", "all.pem", "ktls", "0", "verify_depth", "192.0.2.1:5061=3", NULL};
	static const char file[] = "[server:default]\nverify_depth=4\n[client:any]\nserver_name=a\nktls=1\n";
	struct cfg_config *config = config_with(params);

	(void)state;
	assert_int_equal(cfg_parse_text(config, "tls.cfg", file, strlen(file), &errors), 0);
	finish(config);
	assert_int_equal(config->count, 3);
	assert_string_equal(domain_at(config, 1)->certificate, "/etc/ser/cert.pem");
	assert_int_equal(domain_at(config, 1)->verify_depth, 4);
	assert_int_equal(domain_at(config, 1)->ktls, 0);
	assert_int_equal(domain_at(config, 3)->ktls, 1);
	assert_int_equal(warnings.count, 2);
	assert_true(said(&warnings, "certificate has no effect beside a file"));
	assert_true(said(&warnings, "[server:192.0.2.1:5061]"));
	cfg_config_unref(config);
}

static void test_too_many(void **state)
{
	struct cfg_config *config = config_with((const char *const[]){NULL});
	char text[64];

	(void)state;
	for (int i = 0; i < CFG_DOMAINS_MAX; i++) {
		snprintf(text, sizeof(text), "10.0.%d.%d:5061=1", i / 256, i % 256);
		assert_int_equal(cfg_add_param(config, "verify_depth", text, &errors), 0);
	}
	assert_int_equal(cfg_add_param(config, "verify_depth", "10.1.0.0:1=1", &errors), -1);
	assert_true(said(&errors, "more than 4096 TLS domains"));
	assert_int_equal(cfg_add_param(config, "verify_depth", "10.0.0.1:5061=2", &errors), 0);
	cfg_config_unref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_set),
		cmocka_unit_test(test_inheritance),
		cmocka_unit_test(test_names_are_not_inherited),
		cmocka_unit_test(test_last_counts),
		cmocka_unit_test(test_odd_numbers),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_long_value),
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_beside_a_file),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests_name("cfg_params", tests, NULL, NULL);
}
