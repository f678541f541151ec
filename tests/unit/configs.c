/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "configs.h"

#include <ctype.h>
#include <string.h>

struct cfg_errors errors, warnings;
const char *main_config = "/etc/ser/ser.cfg";

void hear_nothing(void)
{
	memset(&errors, 0, sizeof(errors));
	memset(&warnings, 0, sizeof(warnings));
}

static void check_sentences(const struct cfg_errors *list)
{
	assert_true(list->count <= CFG_ERRORS_MAX);
	for (unsigned i = 0; i < list->count; i++) {
		const char *text = list->list[i].text;

		assert_non_null(memchr(text, '\0', sizeof(list->list[i].text)));
		assert_true(strlen(text) > 10);
		for (const char *p = text; *p; p++)
			assert_false(iscntrl((unsigned char)*p));
	}
}

static int read_config(struct cfg_config *config, const char *text)
{
	int rc;

	hear_nothing();
	assert_non_null(config);
	rc = cfg_parse_text(config, "tls.cfg", text, strlen(text), &errors);
	assert_int_equal(rc, errors.count ? -1 : 0);
	rc = cfg_config_finish(config, &errors, &warnings);
	assert_int_equal(rc, errors.count ? -1 : 0);
	check_sentences(&errors);
	check_sentences(&warnings);
	return rc;
}

struct cfg_config *config_of(const char *text)
{
	struct cfg_config *config = cfg_config_new(main_config);

	if (read_config(config, text))
		fail_msg("%s", errors.list[0].text);
	return config;
}

static int has_all(const char *sentence, va_list words)
{
	const char *word;

	while ((word = va_arg(words, const char *)))
		if (!strstr(sentence, word))
			return 0;
	return 1;
}

void refuse_config(const char *text, ...)
{
	struct cfg_config *config = cfg_config_new(main_config);
	int found = 0;

	assert_int_equal(read_config(config, text), -1);
	for (unsigned i = 0; i < errors.count && !found; i++) {
		va_list words;

		va_start(words, text);
		found = has_all(errors.list[i].text, words);
		va_end(words);
	}
	if (!found)
		fail_msg("'%s' is not what was to be said about %s", errors.list[0].text, text);
	cfg_config_unref(config);
}

int said(const struct cfg_errors *list, const char *text)
{
	for (unsigned i = 0; i < list->count; i++)
		if (strstr(list->list[i].text, text))
			return 1;
	return 0;
}

const struct sockaddr *address_of(const char *text)
{
	static struct cfg_scope scope;

	if (!text)
		return NULL;
	assert_int_equal(cfg_parse_address(text, &scope), 0);
	return &scope.address.any;
}

const struct cfg_domain *domain_at(const struct cfg_config *config, unsigned line)
{
	for (unsigned i = 0; i < config->count; i++)
		if (config->domains[i]->line == line)
			return config->domains[i];
	fail_msg("no domain begins in line %u", line);
	return NULL;
}
