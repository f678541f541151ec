/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls.cfg: its syntax, and what is said about mistakes in it. */
#include "configs.h"
#include "folder.h"

#include "cfg/lookup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_sections(void **state)
{
	static const struct {
		const char *section;
		enum cfg_kind kind;
		int is_default;
		const char *domain;
	} cases[] = {
		{"[server:default]", CFG_SERVER, 1, "[server:default]"},
		{"[ SRV : def ] # comment", CFG_SERVER, 1, "[server:default]"},
		{"[s:*]", CFG_SERVER, 1, "[server:default]"},
		{"[client:default]\r", CFG_CLIENT, 1, "[client:default]"},
		{"[cli:Any]", CFG_CLIENT, 0, "[client:any]"},
		{"\t [c:all]\t", CFG_CLIENT, 0, "[client:any]"},
		{"[server:192.0.2.1:5061]", CFG_SERVER, 0, "[server:192.0.2.1:5061]"},
		{"[server: 192.0.2.1 : 0 ]#", CFG_SERVER, 0, "[server:192.0.2.1:0]"},
		{"[c:[2001:db8::1]:5061]", CFG_CLIENT, 0, "[client:[2001:db8::1]:5061]"},
	};
	char text[CFG_DOMAIN_TEXT];

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct cfg_config *config = config_of(cases[i].section);
		const struct cfg_domain *d = domain_at(config, 1);

		assert_int_equal(d->kind, cases[i].kind);
		assert_int_equal(d->is_default, cases[i].is_default);
		assert_string_equal(cfg_domain_text(d, text), cases[i].domain);
		assert_string_equal(d->file, "tls.cfg");
		cfg_config_unref(config);
	}
}

static void test_values(void **state)
{
	static const char *const values[][2] = {
		{"abc", "abc"},
		{" abc ", "abc"},
		{"\tabc\t# comment", "abc"},
		{"abc#def", "abc"},
		{"\"a b#c\"", "a b#c"},
		{"\"a\\\"b\\\\c\" # \"", "a\"b\\c"},
		{"a\\#b\\ c", "a#b c"},
		{"a\\\nb", "ab"},
		{"\"a\\\nb\"", "ab"},
		{"\"a\\tb\"", "a\tb"},
		{"HIGH:!aNULL:@SECLEVEL=1", "HIGH:!aNULL:@SECLEVEL=1"},
		{"a\"b", "a\"b"},
		{"abc\r", "abc"},
		{"\"\xc3\xa4\xff\"", "\xc3\xa4\xff"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(values); i++) {
		struct cfg_config *config;
		char text[256];

		snprintf(text, sizeof(text), "[server:default]\ncipher_list=%s\nverify_depth = 5",
			values[i][0]);
		config = config_of(text);
		assert_string_equal(config->domains[0]->cipher_list, values[i][1]);
		assert_int_equal(config->domains[0]->verify_depth, 5);
		cfg_config_unref(config);
	}
}

/* A backslash joins the next line to a comment, in the core's own parser, too. */
static void test_comments(void **state)
{
	struct cfg_config *config =
		config_of("# one \\\nverify_depth = nonsense\n\n  # two\n[s:default] # three\\\n"
			  "nonsense\nverify_depth = 3 # four\n");

	(void)state;
	assert_int_equal(domain_at(config, 5)->verify_depth, 3);
	assert_int_equal(domain_at(config, 5)->lines[CFG_VERIFY_DEPTH], 7);
	cfg_config_unref(config);
}

static void test_mistakes(void **state)
{
	(void)state;
	refuse_config("[server]", "tls.cfg:1: ", "[server:ADDRESS]", NULL);
	refuse_config("\n\n[sever:default]", "tls.cfg:3: ", "[server:ADDRESS]", NULL);
	refuse_config("[server:192.0.2.1]", "tls.cfg:1: ", "<ip>:<port>", NULL);
	refuse_config("[server:host.example:5061]", "address of the section is none", NULL);
	refuse_config("[server:default", "']' is missing", NULL);
	refuse_config("[server:[::1]:5061", "']' is missing", NULL);
	refuse_config("[server:default] x", "nothing may follow", NULL);
	refuse_config("verify_depth = 3\n", "tls.cfg:1: ", "verify_depth stands in front of the first", NULL);
	refuse_config("[s:*]\nverify_depth\n", "tls.cfg:2: ", "attribute = value", NULL);
	refuse_config("[s:*]\n= 3\n", "tls.cfg:2: ", "attribute = value", NULL);
	refuse_config("[s:*]\nverify_depth = # 3\n", "tls.cfg:2: ", "verify_depth has no value", NULL);
	refuse_config("[s:*]\nca_list = a b\n", "tls.cfg:2: ", "put quotes", NULL);
	refuse_config("[s:*]\nca_list = \"a b\nca_path=\"c\"", "tls.cfg:2: ", "closing quote", NULL);
	refuse_config("[s:*]\nca_list = a\\x", "tls.cfg:2: ", "backslash", NULL);
	refuse_config("[s:*]\nca_list = a\\", "tls.cfg:2: ", "backslash", NULL);
	refuse_config("[s:*]\nca_list = a\x01z\n", "tls.cfg:2: ", "control character", NULL);
	refuse_config(
		"[s:*]\nca_lst = a\n", "tls.cfg:2: [server:default]: ", "'ca_lst' is not an attr", NULL);
	refuse_config("[s:*]\nverify_cert = maybe\n", "tls.cfg:2: [server:default]: verify_cert: ", NULL);
}

/* Each line is judged by itself, so that one run finds all there is; a bad section's lines say nothing. */
static void test_all_mistakes(void **state)
{
	(void)state;
	refuse_config(
		"[server:default]\nmethod = TLSv9\nfoo = 1\nca_list = \"x\n[bad]\nfoo = 1\nmethod = TLSv9\n"
		"[client:default]\nverify_depth = x\n",
		"tls.cfg:9: [client:default]: verify_depth: 'x'", NULL);
	assert_int_equal(errors.count, 5);
	assert_int_equal(strncmp(errors.list[0].text, "tls.cfg:2: ", 11), 0);
	assert_int_equal(strncmp(errors.list[1].text, "tls.cfg:3: ", 11), 0);
	assert_int_equal(strncmp(errors.list[2].text, "tls.cfg:4: ", 11), 0);
	assert_int_equal(strncmp(errors.list[3].text, "tls.cfg:5: ", 11), 0);
}

static void test_passwords_are_not_told(void **state)
{
	(void)state;
	refuse_config("[s:*]\nprivate_key_password = geheim nis\npkey_passwd = geheim\n"
		      "private_key_password = \"geheim\n private_key_password geheim\n",
		"put quotes", NULL);
	assert_int_equal(errors.count, 4);
	assert_false(said(&errors, "geheim"));
}

/* The last one counts, and the other one gets a warning. */
static void check_twins(const char *sections, const char *sentence)
{
	char text[256];
	struct cfg_config *config;
	unsigned found = 0;

	snprintf(text, sizeof(text), "%s\nverify_depth=7\n", sections);
	config = config_of(text);
	assert_int_equal(warnings.count, 1);
	assert_true(said(&warnings, sentence));
	for (unsigned i = 0; i < config->count; i++)
		found += config->domains[i]->line != 0;
	assert_int_equal(found, 1);
	assert_int_equal(config->domains[0]->verify_depth, 7);
	assert_int_equal(config->domains[0]->index, 0);
	cfg_config_unref(config);
}

static void test_twins(void **state)
{
	(void)state;
	check_twins("[s:*]\n[server:default]",
		"tls.cfg:1: [server:default]: has no effect, because it is defined "
		"again in tls.cfg:2");
	check_twins("[s:192.0.2.1:5061]\n[s:192.0.2.1:5061]", "another server_name");
	check_twins("[s:any]\nserver_name=a\n[s:any]\nserver_name=A.", "tls.cfg:3");
	check_twins("[s:any]\n[s:any]", "tls.cfg:1: ");
	check_twins("[c:any]\nserver_id=a\n[c:any]\nserver_id=A", "another server_name or server_id");
	cfg_config_unref(
		config_of("[s:192.0.2.1:5061]\n[s:192.0.2.1:5062]\n[s:192.0.2.1:0]\n[c:192.0.2.1:5061]\n"
			  "[s:192.0.2.1:5061]\nserver_name=a\n[s:192.0.2.1:5061]\nserver_name=b\n"
			  "[s:192.0.2.1:5061]\nserver_name=b\nserver_name_mode=2\n"
			  "[c:any]\nserver_id=1\n[c:any]\nserver_id=2\n"));
}

static void test_without_meaning(void **state)
{
	(void)state;
	cfg_config_unref(config_of("[s:any]\nserver_name=a\nserver_id=x\n[s:*]\nserver_name_mode=1\n"));
	assert_int_equal(warnings.count, 2);
	assert_true(said(&warnings, "tls.cfg:3: [server:any]: server_id: has no meaning"));
	assert_true(said(&warnings, "tls.cfg:5: [server:default]: server_name_mode: has no meaning"));
}

static struct cfg_config *config_at(const char *name, int rc)
{
	struct cfg_config *config = cfg_config_new(NULL);
	char *path = folder_path(name);

	hear_nothing();
	assert_int_equal(cfg_parse_file(config, path, &errors), rc);
	assert_int_equal(errors.count > 0, rc != 0);
	free(path);
	return config;
}

static void test_files(void **state)
{
	struct cfg_config *config;

	(void)state;
	folder_open();
	folder_add_text("tls.cfg", "[server:default]\nverify_depth = 2\n");
	config = config_at("tls.cfg", 0);
	assert_int_equal(config->domains[0]->verify_depth, 2);
	cfg_config_unref(config);
	cfg_config_unref(config_at("missing.cfg", -1));
	assert_true(said(&errors, "missing.cfg': No such file"));
	folder_close();
}

/* In the order of names; what is no file of the folder is left out; each file begins anew. */
static void test_folder(void **state)
{
	char *path, *file;
	struct cfg_config *config;

	(void)state;
	folder_open();
	folder_add_text("b.cfg", "[server:192.0.2.2:5061]");
	folder_add_text("a.cfg", "[server:192.0.2.1:5061]\nverify_depth=1");
	folder_add_text("B.cfg", "[server:192.0.2.3:5061]");
	folder_add_text(".hidden", "nonsense");
	folder_add_folder("c.d");
	config = config_at("", 0);
	assert_int_equal(config->count, 3);
	for (unsigned i = 0; i < 3; i++) {
		path = folder_path((const char *const[]){"/B.cfg", "/a.cfg", "/b.cfg"}[i]);
		assert_string_equal(config->domains[i]->file, path);
		free(path);
	}
	cfg_config_unref(config);
	folder_add_text("c.cfg", "verify_depth=3\n");
	cfg_config_unref(config_at("", -1));
	assert_true(said(&errors, "c.cfg:1: verify_depth stands in front of the first section"));
	file = folder_path("nowhere");
	path = folder_path("d.cfg");
	assert_int_equal(symlink(file, path), 0);
	cfg_config_unref(config_at("", -1));
	assert_true(said(&errors, "d.cfg': No such file"));
	free(path);
	free(file);
	folder_close();
}

static void test_size(void **state)
{
	char *text = malloc(CFG_FILE_MAX + 2);

	(void)state;
	folder_open();
	memset(text, '\n', CFG_FILE_MAX + 1);
	text[CFG_FILE_MAX] = '\0';
	folder_add_text("most", text);
	cfg_config_unref(config_at("most", 0));
	folder_add_text("most", "\n");
	cfg_config_unref(config_at("most", -1));
	assert_true(said(&errors, "makes more than 4194304 bytes"));
	folder_close();
	folder_open();
	text[CFG_FILE_MAX / 2] = '\0';
	folder_add_text("1", text);
	folder_add_text("2", text);
	cfg_config_unref(config_at("", 0));
	folder_add_text("3", "\n");
	cfg_config_unref(config_at("", -1));
	assert_true(said(&errors, "3' makes more than"));
	folder_close();
	memset(text, 'a', CFG_VALUE_MAX + 32);
	memcpy(text, "[s:*]\nca_list=", 14);
	text[14 + CFG_VALUE_MAX] = '\0';
	refuse_config(text, "tls.cfg:2: the value is too long", NULL);
	text[14 + CFG_VALUE_MAX - 1] = '\0';
	cfg_config_unref(config_of(text));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_comments),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_all_mistakes),
		cmocka_unit_test(test_passwords_are_not_told),
		cmocka_unit_test(test_twins),
		cmocka_unit_test(test_without_meaning),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests_name("cfg_file", tests, NULL, NULL);
}
