/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/domain.h"

#include "cfg/attribute.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_set(const struct cfg_domain *d, enum cfg_attribute_id id)
{
	return (d->set >> id) & 1;
}

/* If no key is named, it is in the same file as the certificate. */
static int default_key(char **key, const char *certificate)
{
	if (*key || !certificate)
		return 0;
	*key = strdup(certificate);
	return *key ? 0 : -ENOMEM;
}

int cfg_domain_defaults(struct cfg_domain *d, const char *main_config)
{
	if (!d->versions.min)
		d->versions =
			(struct cfg_versions){TLS1_2_VERSION, TLS1_3_VERSION, CFG_OPEN_MIN | CFG_OPEN_MAX};
	if (!is_set(d, CFG_VERIFY_DEPTH))
		d->verify_depth = CFG_VERIFY_DEPTH_DEFAULT;
	if (!is_set(d, CFG_VERIFY_NAME))
		d->verify_name = 1;
	if (!is_set(d, CFG_KTLS))
		d->ktls = 1;
	if (!d->certificate && d->kind == CFG_SERVER) {
		d->certificate = cfg_resolve_path(main_config, "cert.pem");
		if (!d->certificate)
			return -ENOMEM;
	}
	if (default_key(&d->private_key, d->certificate))
		return -ENOMEM;
	return default_key(&d->private_key2, d->certificate2);
}

void cfg_domain_clear(struct cfg_domain *d)
{
	for (int i = 0; i < CFG_ATTRIBUTES; i++) {
		const struct cfg_attribute *a = &cfg_attributes[i];
		char **text = (char **)((char *)d + a->offset);

		if (a->type == CFG_TYPE_SECRET && *text)
			OPENSSL_cleanse(*text, strlen(*text));
		if (a->type >= CFG_TYPE_STRING)
			free(*text);
	}
	free(d->file);
	memset(d, 0, sizeof(*d));
}

enum ktls_verify cfg_domain_verify(const struct cfg_domain *d)
{
	if (d->require_certificate || d->verify_client == CFG_VERIFY_CLIENT_ON)
		return KTLS_VERIFY_REQUIRE;
	if (d->verify_client == CFG_VERIFY_CLIENT_OPTIONAL_NO_CA)
		return KTLS_VERIFY_REQUEST;
	if (d->verify_certificate || d->verify_client == CFG_VERIFY_CLIENT_OPTIONAL)
		return KTLS_VERIFY_OPTIONAL;
	return KTLS_VERIFY_NONE;
}

const char *cfg_domain_text(const struct cfg_domain *d, char *out)
{
	char scope[CFG_SCOPE_TEXT];

	snprintf(out, CFG_DOMAIN_TEXT, "[%s:%s]", d->kind == CFG_SERVER ? "server" : "client",
		d->is_default ? "default" : cfg_scope_text(&d->scope, scope));
	return out;
}

enum {
	WHERE_TEXT = 512,
};

static void write_where(const struct cfg_domain *d, unsigned line, char where[WHERE_TEXT])
{
	char domain[CFG_DOMAIN_TEXT];

	where[0] = '\0';
	if (d->file && line)
		snprintf(where, WHERE_TEXT, "%.300s:%u: %s: ", d->file, line, cfg_domain_text(d, domain));
	else if (d->file)
		snprintf(where, WHERE_TEXT, "%.300s: %s: ", d->file, cfg_domain_text(d, domain));
}

int cfg_section_error(struct cfg_errors *errors, const struct cfg_domain *d, const char *format, ...)
{
	char where[WHERE_TEXT], text[700];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	write_where(d, d->line, where);
	return cfg_add_error(errors, "%s%s", where, text);
}

int cfg_domain_error(struct cfg_errors *errors, const struct cfg_domain *d, enum cfg_attribute_id attribute,
	const char *format, ...)
{
	unsigned line = d->lines[attribute] ? d->lines[attribute] : d->line;
	char where[WHERE_TEXT], text[700];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (d->inherited >> attribute & 1)
		snprintf(where, sizeof(where), "modparam: ");
	else
		write_where(d, line, where);
	return cfg_add_error(errors, "%s%s: %s", where, cfg_attributes[attribute].names[0], text);
}

const char *cfg_domain_method(const struct cfg_domain *d)
{
	if (d->versions.min == TLS1_3_VERSION)
		return "TLSv1.3";
	return d->versions.max == TLS1_3_VERSION ? "TLSv1.2+" : "TLSv1.2";
}

const char *cfg_domain_verify_client(const struct cfg_domain *d)
{
	static const char *const names[] = {"off", "on", "optional", "optional_no_ca"};

	return names[d->verify_client];
}
