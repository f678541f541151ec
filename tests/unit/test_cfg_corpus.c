/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configurations of tests/cfg: those of good work, those of odd work, each with a warning, and each of
 * bad is refused with one sentence. Sentence and warning hold the line of the .txt file beside it. The
 * program's argument is the folder.
 */
#include "folder.h"
#include "sets.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static const char *corpus;
static struct identity server, other, rsa, ca;

static int make_files(void **state)
{
	(void)state;
	server = make_identity("EC", "server", NULL);
	other = make_identity("EC", "other", NULL);
	rsa = make_identity("RSA", "rsa", NULL);
	ca = make_authority("ca", NULL);
	sets_open_folder();
	folder_add_cert("server.pem", server.cert);
	folder_add_key("server.key", server.key, NULL);
	folder_add_cert("other.pem", other.cert);
	folder_add_key("other.key", other.key, NULL);
	folder_add_cert("rsa.pem", rsa.cert);
	folder_add_key("rsa.key", rsa.key, "not # a comment");
	folder_add_cert("ca.pem", ca.cert);
	folder_add_crl("ca.crl", &ca, NULL, 3600);
	/* What a server domain has that names no files. */
	folder_add_identity("cert.pem", &server);
	return 0;
}

static int free_files(void **state)
{
	(void)state;
	sets_close_folder();
	free_identity(&server);
	free_identity(&other);
	free_identity(&rsa);
	free_identity(&ca);
	return 0;
}

/* Reads and builds one; returns 0 when both went well. */
static int try_file(const char *path)
{
	struct cfg_config *config = cfg_config_new(main_config);
	struct cfg_set *set = NULL;

	hear_nothing();
	assert_non_null(config);
	cfg_parse_file(config, path, &errors);
	if (!cfg_config_finish(config, &errors, &warnings))
		set = cfg_build_set(config, &(struct cfg_build){.kinds = 1u << CFG_SERVER | 1u << CFG_CLIENT},
			&errors, &warnings);
	assert_int_equal(set != NULL, errors.count == 0);
	cfg_config_unref(config);
	cfg_set_unref(set);
	return errors.count ? -1 : 0;
}

static void read_sentence(const char *cfg_path, char *out, int size)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%.*s.txt", (int)strlen(cfg_path) - 4, cfg_path);
	f = fopen(path, "r");
	if (!f || !fgets(out, size, f))
		fail_msg("%s is missing", path);
	else
		out[strcspn(out, "\n")] = '\0';
	assert_true(strlen(out) > 10);
	fclose(f);
}

static void check_good(const char *path)
{
	if (try_file(path))
		fail_msg("%s", errors.list[0].text);
}

static void check_bad(const char *path)
{
	char sentence[512];

	read_sentence(path, sentence, sizeof(sentence));
	assert_int_equal(try_file(path), -1);
	if (errors.count != 1 || !said(&errors, sentence))
		fail_msg("%u sentences, first: %s", errors.count, errors.list[0].text);
}

static void check_odd(const char *path)
{
	char sentence[512];

	read_sentence(path, sentence, sizeof(sentence));
	check_good(path);
	if (!said(&warnings, sentence))
		fail_msg("%s: %u warnings, first: %s", path, warnings.count, warnings.list[0].text);
}

static void check_all(const char *kind, void (*check)(const char *path), unsigned at_least)
{
	char folder[512], path[1024];
	struct dirent *entry;
	unsigned count = 0;
	DIR *dir;

	snprintf(folder, sizeof(folder), "%s/%s", corpus, kind);
	dir = opendir(folder);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (fnmatch("*.cfg", entry->d_name, 0))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		check(path);
		count++;
	}
	closedir(dir);
	assert_true(count >= at_least);
}

static void test_good(void **state)
{
	(void)state;
	check_all("good", check_good, 9);
}

static void test_bad(void **state)
{
	(void)state;
	check_all("bad", check_bad, 22);
}

static void test_odd(void **state)
{
	(void)state;
	check_all("odd", check_odd, 10);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_odd),
	};

	if (argc != 2)
		return 2;
	corpus = argv[1];
	return cmocka_run_group_tests_name("cfg_corpus", tests, make_files, free_files);
}
