/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as values of modparams, several in a row: a line has a number for the name, then the value. */
#include "fuzz.h"

#include "cfg/attribute.h"
#include "cfg/config.h"

static void add_line(struct cfg_config *config, char *line, struct cfg_errors *errors)
{
	unsigned count = config->count, said = cfg_errors_added(errors);
	const char *name = cfg_attributes[(unsigned char)line[0] % CFG_ATTRIBUTES].names[0];
	int rc = cfg_add_param(config, name, line + 1, errors);

	REQUIRE((rc == 0) == (cfg_errors_added(errors) == said));
	REQUIRE(config->count >= count && config->count <= count + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct cfg_errors errors, warnings;
	struct cfg_config *config = cfg_config_new("/etc/ser/ser.cfg");
	char *copy = malloc(len + 1), *line, *rest = copy;

	REQUIRE(config && copy);
	memcpy(copy, data, len);
	copy[len] = '\0';
	memset(&errors, 0, sizeof(errors));
	memset(&warnings, 0, sizeof(warnings));
	while ((line = strsep(&rest, "\n"))) {
		char *exact = strdup(line);

		REQUIRE(exact);
		if (*exact)
			add_line(config, exact, &errors);
		free(exact);
	}
	REQUIRE((cfg_config_finish(config, &errors, &warnings) == 0) == !errors.count);
	for (unsigned i = 0; i < config->count && !errors.count; i++)
		REQUIRE(config->domains[i]->versions.min && config->domains[i]->file);
	cfg_config_unref(config);
	free(copy);
	return 0;
}
