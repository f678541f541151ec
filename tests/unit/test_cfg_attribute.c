/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be set in a domain: names, values, what is refused, what is inherited. */
#include "configs.h"

#include "cfg/attribute.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct cfg_where where = {"tls.cfg", 7, "/etc/ser/ser.cfg", NULL};

static void test_table(void **state)
{
	(void)state;
	for (int i = 0; i < CFG_ATTRIBUTES; i++) {
		const struct cfg_attribute *a = &cfg_attributes[i];

		assert_int_equal(a->id, i);
		for (int j = 0; j < 2 && a->names[j]; j++) {
			char upper[64];
			size_t len = strlen(a->names[j]);

			assert_ptr_equal(cfg_find_attribute(a->names[j]), a); /* no name twice */
			for (size_t k = 0; k <= len; k++)
				upper[k] = (char)toupper((unsigned char)a->names[j][k]);
			assert_ptr_equal(cfg_find_attribute(upper), a);
		}
	}
	assert_null(cfg_find_attribute(""));
	assert_null(cfg_find_attribute("certificate "));
	assert_null(cfg_find_attribute("cert"));
}

static void set(struct cfg_domain *d, const char *name, const char *value)
{
	hear_nothing();
	if (cfg_set_attribute(d, name, value, &where, &errors))
		fail_msg("%s", errors.list[0].text);
	assert_int_equal(errors.count, 0);
}

static void test_values(void **state)
{
	struct cfg_domain d = {.kind = CFG_CLIENT};

	(void)state;
	set(&d, "tls_method", "TLSv1.2");
	set(&d, "certificate", "a.pem");
	set(&d, "cert_file", "b.pem"); /* the second replaces the first */
	set(&d, "private_key", "./k.pem");
	set(&d, "private_key2", "/uri:file:/k2.pem");
	set(&d, "private_key_password", "p=\"1\" #");
	set(&d, "ca_path", "/ca");
	set(&d, "verify_cert", "yes");
	set(&d, "verify_client", "Optional_No_CA");
	set(&d, "verify_depth", "3");
	set(&d, "server_name", "SIP.Example.COM.");
	set(&d, "server_name_mode", "2");
	set(&d, "server_id", "My id");
	set(&d, "ktls", "0");
	assert_int_equal(d.versions.min, TLS1_2_VERSION);
	assert_int_equal(d.versions.max, TLS1_2_VERSION);
	assert_string_equal(d.certificate, "/etc/ser/b.pem");
	assert_string_equal(d.private_key, "./k.pem");
	assert_string_equal(d.private_key2, "/uri:file:/k2.pem");
	assert_string_equal(d.private_key_password, "p=\"1\" #");
	assert_string_equal(d.ca_path, "/ca");
	assert_int_equal(d.verify_certificate, 1);
	assert_int_equal(d.verify_client, CFG_VERIFY_CLIENT_OPTIONAL_NO_CA);
	assert_int_equal(d.verify_depth, 3);
	assert_string_equal(d.server_name, "sip.example.com");
	assert_int_equal(d.server_name_mode, CFG_NAME_SUBDOMAINS);
	assert_string_equal(d.server_id, "My id");
	assert_int_equal(d.lines[CFG_CERTIFICATE], 7);
	assert_int_equal(cfg_domain_defaults(&d, NULL), 0);
	assert_int_equal(d.verify_depth, 3);
	assert_int_equal(d.ktls, 0); /* what is set stays */
	cfg_domain_clear(&d);
	assert_zero(&d, sizeof(d));
}

static void test_values_refused(void **state)
{
	static const char *const bad[][3] = {
		{"method", "TLSv1.1", "use TLSv1.2+"},
		{"verify_depth", "1x", "0 to 100"},
		{"verify_client", "maybe", "optional_no_ca"},
		{"verify_certificate", "maybe", "0 or 1"},
		{"ktls", "2", "0 or 1"},
		{"private_key", "/engine:pkcs11", "/uri:"},
		{"server_name", ".", "not a host name"},
		{"cert_fil", "", "not an attribute"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++) {
		struct cfg_domain d = {.kind = CFG_SERVER, .is_default = 1};

		hear_nothing();
		assert_int_equal(cfg_set_attribute(&d, bad[i][0], bad[i][1], &where, &errors), -1);
		assert_int_equal(errors.count, 1);
		assert_int_equal(strncmp(errors.list[0].text, "tls.cfg:7: [server:default]: ", 29), 0);
		if (!said(&errors, bad[i][0]) || !said(&errors, bad[i][1]) || !said(&errors, bad[i][2]))
			fail_msg("%s", errors.list[0].text);
		assert_int_equal(d.set, 0);
		d.is_default = 0;
		assert_zero(&d, sizeof(d));
	}
}

/* A password, and whatever may be one by mistake of its name alone, is not repeated. */
static void test_secrets(void **state)
{
	struct cfg_domain d = {.kind = CFG_SERVER};
	char secret[1100];

	(void)state;
	memset(secret, 's', sizeof(secret) - 1);
	secret[sizeof(secret) - 1] = '\0';
	hear_nothing();
	assert_int_equal(cfg_set_attribute(&d, "pkey_password", secret, &where, &errors), -1);
	assert_true(said(&errors, "longer than 1023"));
	assert_int_equal(cfg_set_attribute(&d, "private_key_passwort", "sss", &where, &errors), -1);
	assert_false(said(&errors, "sss"));
	secret[1023] = '\0';
	set(&d, "pkey_password", secret);
	cfg_domain_clear(&d);
}

static void test_verification(void **state)
{
	static const struct {
		int certificate, require, client;
		enum ktls_verify verify;
	} cases[] = {
		{0, 0, CFG_VERIFY_CLIENT_OFF, KTLS_VERIFY_NONE},
		{1, 0, CFG_VERIFY_CLIENT_OFF, KTLS_VERIFY_OPTIONAL},
		{0, 1, CFG_VERIFY_CLIENT_OFF, KTLS_VERIFY_REQUIRE},
		{0, 0, CFG_VERIFY_CLIENT_ON, KTLS_VERIFY_REQUIRE},
		{0, 0, CFG_VERIFY_CLIENT_OPTIONAL, KTLS_VERIFY_OPTIONAL},
		{0, 0, CFG_VERIFY_CLIENT_OPTIONAL_NO_CA, KTLS_VERIFY_REQUEST},
		{1, 0, CFG_VERIFY_CLIENT_OPTIONAL_NO_CA, KTLS_VERIFY_REQUEST},
		{0, 1, CFG_VERIFY_CLIENT_OPTIONAL_NO_CA, KTLS_VERIFY_REQUIRE},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct cfg_domain d = {.verify_certificate = cases[i].certificate,
			.require_certificate = cases[i].require,
			.verify_client = cases[i].client};

		assert_int_equal(cfg_domain_verify(&d), cases[i].verify);
	}
}

static void test_inherit(void **state)
{
	struct cfg_domain from = {.kind = CFG_SERVER}, d = {.kind = CFG_CLIENT};

	(void)state;
	set(&from, "certificate", "/a.pem");
	set(&from, "cipher_list", "HIGH");
	set(&from, "method", "TLSv1.3");
	set(&from, "verify_certificate", "1");
	set(&from, "verify_depth", "4");
	set(&d, "cipher_list", "ALL");
	set(&d, "verify_certificate", "0");
	assert_int_equal(cfg_inherit(&d, &from, ~(1u << CFG_VERIFY_DEPTH)), 0);
	assert_string_equal(d.certificate, "/a.pem");
	assert_ptr_not_equal(d.certificate, from.certificate);
	assert_string_equal(d.cipher_list, "ALL");
	assert_int_equal(d.versions.min, TLS1_3_VERSION);
	assert_int_equal(d.verify_certificate, 0); /* set, though to what it would be anyway */
	assert_int_equal(d.verify_depth, 0);
	assert_null(d.private_key);
	cfg_domain_clear(&from);
	cfg_domain_clear(&d);
}

static void test_list_is_bounded(void **state)
{
	(void)state;
	hear_nothing();
	for (int i = 0; i < CFG_ERRORS_MAX + 5; i++)
		assert_int_equal(cfg_add_error(&errors, "sentence %d\n", i), -1);
	assert_int_equal(errors.count, CFG_ERRORS_MAX);
	assert_int_equal(errors.dropped, 5);
	cfg_add_error(&errors, "sentence %d\n", 1);
	assert_int_equal(errors.dropped, 5);
	assert_int_equal(errors.repeated, 1);
	assert_int_equal(cfg_errors_added(&errors), CFG_ERRORS_MAX + 6);
	assert_string_equal(errors.list[0].text, "sentence 0?");
	assert_string_equal(errors.list[CFG_ERRORS_MAX - 1].text, "sentence 31?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_values_refused),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_verification),
		cmocka_unit_test(test_inherit),
		cmocka_unit_test(test_list_is_bounded),
	};

	return cmocka_run_group_tests_name("cfg_attribute", tests, NULL, NULL);
}
