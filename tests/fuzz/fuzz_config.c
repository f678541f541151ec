/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as tls.cfg: what is said is sentences, and what is taken can be looked up. */
#include "fuzz.h"

#include "cfg/lookup.h"

#include <ctype.h>

static void check_sentences(const struct cfg_errors *list)
{
	REQUIRE(list->count <= CFG_ERRORS_MAX && (!list->dropped || list->count == CFG_ERRORS_MAX));
	for (unsigned i = 0; i < list->count; i++) {
		const char *text = list->list[i].text;
		size_t len = strnlen(text, sizeof(list->list[i].text));

		REQUIRE(len > 10 && len < sizeof(list->list[i].text));
		for (size_t j = 0; j < len; j++)
			REQUIRE(!iscntrl((unsigned char)text[j]));
	}
}

static void check_domain(const struct cfg_config *config, const struct cfg_domain *d)
{
	char text[CFG_DOMAIN_TEXT];

	REQUIRE(config->domains[d->index] == d);
	REQUIRE(strlen(cfg_domain_text(d, text)) < sizeof(text));
	REQUIRE(d->versions.min && d->versions.min <= d->versions.max);
	REQUIRE(d->kind == CFG_CLIENT || (d->certificate && d->private_key));
	REQUIRE(!d->alpn || (*d->alpn && strlen(d->alpn) < 1024));
	REQUIRE(!d->server_name || (*d->server_name && strlen(d->server_name) <= 255));
	REQUIRE(cfg_domain_verify(d) <= KTLS_VERIFY_REQUIRE);
}

/* Each domain is found by what it has, or one that goes before it by the rules. */
static void look_up(const struct cfg_config *config, const char *name)
{
	for (unsigned i = 0; i < config->count; i++) {
		const struct cfg_domain *d = config->domains[i], *found;
		const struct sockaddr *address =
			d->scope.address.any.sa_family == AF_UNSPEC ? NULL : &d->scope.address.any;

		check_domain(config, d);
		found = cfg_find_server(config, address, d->server_name);
		REQUIRE(found && found->kind == CFG_SERVER);
		REQUIRE(cfg_find_server(config, address, name)->kind == CFG_SERVER);
		found = cfg_find_client(config, d->server_id, address, d->server_name);
		REQUIRE(found && found->kind == CFG_CLIENT);
		if (d->kind == CFG_CLIENT && d->server_id)
			REQUIRE(found->server_id && !strcasecmp(found->server_id, d->server_id));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct cfg_errors errors, warnings;
	struct cfg_config *config = cfg_config_new("/etc/ser/ser.cfg");
	/* A copy of exactly that length, so that the sanitizer sees every byte read behind it. */
	char *copy = malloc(len ? len : 1);
	char name[64];
	int rc;

	REQUIRE(config && copy);
	memcpy(copy, data, len);
	memset(&errors, 0, sizeof(errors));
	memset(&warnings, 0, sizeof(warnings));
	rc = cfg_parse_text(config, "tls.cfg", copy, len, &errors);
	REQUIRE((rc == 0) == !errors.count);
	rc = cfg_config_finish(config, &errors, &warnings);
	REQUIRE((rc == 0) == !errors.count);
	check_sentences(&errors);
	check_sentences(&warnings);
	snprintf(name, sizeof(name), "%.*s", (int)(len < 32 ? len : 32), copy);
	if (!rc)
		look_up(config, name);
	cfg_config_unref(config);
	free(copy);
	return 0;
}
