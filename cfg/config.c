/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/config.h"

#include "cfg/attribute.h"
#include "cfg/config_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char from_params[] = "modparam";
static const char from_defaults[] = "built-in defaults";

struct cfg_config *cfg_config_new(const char *main_config)
{
	struct cfg_config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	config->refs = 1;
	config->globals.is_default = 1;
	config->globals.file = strdup(from_params);
	if (main_config)
		config->main_config = strdup(main_config);
	if (!config->globals.file || (main_config && !config->main_config)) {
		cfg_config_unref(config);
		return NULL;
	}
	return config;
}

struct cfg_config *cfg_config_ref(struct cfg_config *config)
{
	__atomic_add_fetch(&config->refs, 1, __ATOMIC_RELAXED);
	return config;
}

void cfg_config_unref(struct cfg_config *config)
{
	if (!config || __atomic_sub_fetch(&config->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (unsigned i = 0; i < config->count; i++) {
		cfg_domain_clear(config->domains[i]);
		free(config->domains[i]);
	}
	free(config->domains);
	cfg_domain_clear(&config->globals);
	free(config->main_config);
	free(config);
}

struct cfg_domain *cfg_add_domain(
	struct cfg_config *config, const struct cfg_domain *place, struct cfg_errors *errors)
{
	struct cfg_domain **list, *d;

	if (config->count == CFG_DOMAINS_MAX) {
		cfg_add_error(
			errors, "%.300s: there are more than %d TLS domains", place->file, CFG_DOMAINS_MAX);
		return NULL;
	}
	list = realloc(config->domains, (config->count + 1) * sizeof(struct cfg_domain *));
	if (list)
		config->domains = list;
	d = calloc(1, sizeof(*d));
	if (d) {
		d->kind = place->kind;
		d->is_default = place->is_default;
		d->scope = place->scope;
		d->line = place->line;
		d->file = strdup(place->file);
	}
	if (!list || !d || !d->file) {
		cfg_add_error(errors, "%.300s: out of memory", place->file);
		free(d);
		return NULL;
	}
	config->domains[config->count++] = d;
	return d;
}

static struct cfg_domain *find_place(const struct cfg_config *config, const struct cfg_domain *place)
{
	for (unsigned i = 0; i < config->count; i++) {
		struct cfg_domain *d = config->domains[i];

		if (d->kind == place->kind && d->is_default == place->is_default &&
			cfg_scope_equals(&d->scope, &place->scope) && !strcmp(d->file, place->file))
			return d;
	}
	return NULL;
}

int cfg_add_param(struct cfg_config *config, const char *name, const char *text, struct cfg_errors *errors)
{
	const struct cfg_attribute *a = cfg_find_attribute(name);
	const struct cfg_where where = {
		.file = from_params, .main_config = config->main_config, .warnings = &config->warnings};
	struct cfg_domain place = {.file = (char *)from_params}, *d;
	const char *value;
	struct cfg_error e;
	int outgoing;

	if (strlen(text) > CFG_VALUE_MAX)
		return cfg_add_error(errors, "%s: %.100s: the value is longer than %d bytes", from_params,
			name, CFG_VALUE_MAX);
	if (cfg_parse_param_scope(
		    name, text, a && a->type == CFG_TYPE_SECRET, &outgoing, &place.scope, &value, &e))
		return cfg_add_error(errors, "%s: %s", from_params, e.text);
	if (place.scope.address.any.sa_family == AF_UNSPEC)
		return cfg_set_attribute(&config->globals, name, value, &where, errors);
	place.kind = outgoing ? CFG_CLIENT : CFG_SERVER;
	d = find_place(config, &place);
	if (!d)
		d = cfg_add_domain(config, &place, errors);
	return d ? cfg_set_attribute(d, name, value, &where, errors) : -1;
}

int cfg_add_param_int(struct cfg_config *config, const char *name, int value, struct cfg_errors *errors)
{
	const struct cfg_attribute *a = cfg_find_attribute(name);
	char text[16];

	if (a && a->type == CFG_TYPE_BOOL && value != 0 && value != 1) {
		cfg_add_error(&config->warnings, "%s: %s: %d is neither 0 nor 1; 1 is used", from_params,
			name, value);
		value = 1;
	}
	snprintf(text, sizeof(text), "%d", value);
	return cfg_add_param(config, name, text, errors);
}

static uint32_t ours(void)
{
	uint32_t mask = 0;

	for (int i = 0; i < CFG_ATTRIBUTES; i++)
		mask |= cfg_attributes[i].ours ? 1u << i : 0;
	return mask;
}

static int is_of_params(const struct cfg_domain *d)
{
	return !strcmp(d->file, from_params);
}

/* The file overrides modparams, as in the stock module, which does not say so. */
static void drop_params(struct cfg_config *config, struct cfg_errors *warnings)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < config->count; i++) {
		struct cfg_domain *d = config->domains[i];
		char text[CFG_DOMAIN_TEXT];

		if (!is_of_params(d)) {
			config->domains[kept++] = d;
			continue;
		}
		cfg_add_error(warnings,
			"%s: %s: the parameters for that address have no effect beside a file of domains "
			"(config); write a section for it there",
			from_params, cfg_domain_text(d, text));
		cfg_domain_clear(d);
		free(d);
	}
	config->count = kept;
	for (int i = 0; i < CFG_ATTRIBUTES; i++)
		if (config->globals.set & ~ours() & (1u << i))
			cfg_add_error(warnings,
				"%s: %s has no effect beside a file of domains (config); set it there",
				from_params, cfg_attributes[i].names[0]);
}

static int add_default(struct cfg_config *config, enum cfg_kind kind, struct cfg_errors *errors)
{
	struct cfg_domain place = {.kind = kind,
		.is_default = 1,
		.file = (char *)(config->has_file || !config->globals.set ? from_defaults : from_params)};

	for (unsigned i = 0; i < config->count; i++)
		if (config->domains[i]->kind == kind && config->domains[i]->is_default)
			return 0;
	return cfg_add_domain(config, &place, errors) ? 0 : -1;
}

static void warn_of_domain(const struct cfg_domain *d, struct cfg_errors *warnings)
{
	for (int i = 0; i < CFG_ATTRIBUTES; i++) {
		unsigned kinds = cfg_attributes[i].kinds;

		/* A value that all domains inherit was not meant for this one in particular. */
		if ((d->set & ~d->inherited) >> i & 1 && kinds && !(kinds >> d->kind & 1))
			cfg_domain_error(warnings, d, (enum cfg_attribute_id)i,
				"has no meaning for connections that %s",
				d->kind == CFG_SERVER ? "come in" : "are opened by the server itself");
	}
	if (d->server_name_mode && !d->server_name)
		cfg_domain_error(warnings, d, CFG_SERVER_NAME_MODE,
			"has no meaning without server_name in the same domain");
}

static int same_text(const char *a, const char *b)
{
	return a && b ? !strcasecmp(a, b) : a == b;
}

/* Whether a connection could not tell which of the two it belongs to. */
static int is_twin(const struct cfg_domain *a, const struct cfg_domain *b)
{
	if (a->kind != b->kind || a->is_default != b->is_default)
		return 0;
	if (a->is_default)
		return 1;
	if (a->kind == CFG_CLIENT && !same_text(a->server_id, b->server_id))
		return 0;
	return cfg_scope_equals(&a->scope, &b->scope) && same_text(a->server_name, b->server_name) &&
	       (!a->server_name || a->server_name_mode == b->server_name_mode);
}

/*
 * As in the stock module, the last one in a file counts. A second file of a folder that says the same is more
 * likely a copy that an editor left, which must not decide.
 */
static void drop_twins(struct cfg_config *config, struct cfg_errors *errors, struct cfg_errors *warnings)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < config->count; i++) {
		struct cfg_domain *d = config->domains[i];
		unsigned j = i + 1;

		while (j < config->count && !is_twin(config->domains[j], d))
			j++;
		if (j == config->count) {
			config->domains[kept++] = d;
			continue;
		}
		cfg_section_error(
			is_of_params(d) || !strcmp(d->file, config->domains[j]->file) ? warnings : errors, d,
			"has no effect, because it is defined again in %.300s:%u; remove one, or tell them "
			"apart with %s",
			config->domains[j]->file, config->domains[j]->line,
			d->is_default           ? "an address"
			: d->kind == CFG_SERVER ? "another server_name"
						: "another server_name or server_id");
		cfg_domain_clear(d);
		free(d);
	}
	config->count = kept;
}

static void append(struct cfg_errors *to, const struct cfg_errors *from)
{
	for (unsigned i = 0; i < from->count; i++)
		cfg_add_error(to, "%s", from->list[i].text);
	to->dropped += from->dropped;
}

int cfg_config_finish(struct cfg_config *config, struct cfg_errors *errors, struct cfg_errors *warnings)
{
	/*
	 * A domain does not inherit what it is found by: with a name shared by all, it would not be found by
	 * any other.
	 */
	const uint32_t selectors = 1u << CFG_SERVER_NAME | 1u << CFG_SERVER_NAME_MODE | 1u << CFG_SERVER_ID;
	uint32_t inherited = config->has_file ? ours() : ~0u;

	append(warnings, &config->warnings);
	drop_twins(config, errors, warnings);
	if (config->has_file)
		drop_params(config, warnings);
	if (add_default(config, CFG_SERVER, errors) || add_default(config, CFG_CLIENT, errors))
		return -1;
	for (unsigned i = 0; i < config->count; i++) {
		struct cfg_domain *d = config->domains[i];

		if (cfg_inherit(d, &config->globals, d->is_default ? inherited : inherited & ~selectors) ||
			cfg_domain_defaults(d, config->main_config))
			return cfg_add_error(errors, "%.300s: out of memory", d->file);
		d->index = i;
		warn_of_domain(d, warnings);
	}
	config->finished = 1;
	return errors->count ? -1 : 0;
}
