/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/attribute.h"

#include "cfg/alpn.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The columns that every row has; more may follow. */
#define ROW(index, kind_of_value, member, ...)                                                               \
	.id = index, .type = kind_of_value, .offset = offsetof(struct cfg_domain, member),                   \
	.names = {__VA_ARGS__}

enum {
	VERIFY_DEPTH_MAX = 100, /* as in the stock module */
	PASSWORD_MAX = 1023,    /* bytes; OpenSSL's room for one is 1024 */
	HOST_NAME_MAX_LEN = 255,
	NUMBER_TEXT = 16,
};

const struct cfg_attribute cfg_attributes[CFG_ATTRIBUTES] = {
	/* clang-format off */
	{ROW(CFG_METHOD, CFG_TYPE_METHOD, versions, "method", "tls_method")},
	{ROW(CFG_CERTIFICATE, CFG_TYPE_PATH, certificate, "certificate", "cert_file")},
	{ROW(CFG_PRIVATE_KEY, CFG_TYPE_KEY, private_key, "private_key", "pkey_file")},
	{ROW(CFG_PRIVATE_KEY_PASSWORD, CFG_TYPE_SECRET, private_key_password, "private_key_password", "pkey_password")},
	{ROW(CFG_CERTIFICATE2, CFG_TYPE_PATH, certificate2, "certificate2", "cert_file2")},
	{ROW(CFG_PRIVATE_KEY2, CFG_TYPE_KEY, private_key2, "private_key2", "pkey_file2")},
	{ROW(CFG_PRIVATE_KEY_PASSWORD2, CFG_TYPE_SECRET, private_key_password2, "private_key_password2", "pkey_password2")},
	{ROW(CFG_OCSP_FILE, CFG_TYPE_PATH, ocsp_file, "ocsp_file"), .kinds = 1u << CFG_SERVER},
	{ROW(CFG_OCSP_FILE2, CFG_TYPE_PATH, ocsp_file2, "ocsp_file2"), .kinds = 1u << CFG_SERVER},
	{ROW(CFG_CA_LIST, CFG_TYPE_PATH, ca_list, "ca_list", "calist_file")},
	{ROW(CFG_CA_PATH, CFG_TYPE_PATH, ca_path, "ca_path")},
	{ROW(CFG_CRL, CFG_TYPE_PATH, crl, "crl")},
	{ROW(CFG_VERIFY_CERTIFICATE, CFG_TYPE_BOOL, verify_certificate, "verify_certificate", "verify_cert")},
	{ROW(CFG_REQUIRE_CERTIFICATE, CFG_TYPE_BOOL, require_certificate, "require_certificate", "require_cert")},
	{ROW(CFG_VERIFY_CLIENT, CFG_TYPE_VERIFY_CLIENT, verify_client, "verify_client")},
	{ROW(CFG_VERIFY_DEPTH, CFG_TYPE_INT, verify_depth, "verify_depth"), .max = VERIFY_DEPTH_MAX, .otherwise = CFG_VERIFY_DEPTH_DEFAULT},
	{ROW(CFG_CIPHER_LIST, CFG_TYPE_STRING, cipher_list, "cipher_list")},
	{ROW(CFG_CIPHERSUITES, CFG_TYPE_STRING, ciphersuites, "ciphersuites")},
	{ROW(CFG_ALPN, CFG_TYPE_PROTOCOLS, alpn, "alpn")},
	{ROW(CFG_SERVER_NAME, CFG_TYPE_NAME, server_name, "server_name")},
	{ROW(CFG_SERVER_NAME_MODE, CFG_TYPE_INT, server_name_mode, "server_name_mode"), .max = CFG_NAME_SUBDOMAINS},
	{ROW(CFG_SERVER_ID, CFG_TYPE_STRING, server_id, "server_id"), .kinds = 1u << CFG_CLIENT},
	{ROW(CFG_VERIFY_NAME, CFG_TYPE_BOOL, verify_name, "verify_name"), .kinds = 1u << CFG_CLIENT, .ours = 1},
	{ROW(CFG_VERIFY_NAME_WILDCARD, CFG_TYPE_BOOL, verify_name_wildcard, "verify_name_wildcard"), .kinds = 1u << CFG_CLIENT, .ours = 1},
	{ROW(CFG_VERIFY_OCSP, CFG_TYPE_BOOL, verify_ocsp, "verify_ocsp"), .kinds = 1u << CFG_CLIENT, .ours = 1},
	{ROW(CFG_REQUIRE_OCSP, CFG_TYPE_BOOL, require_ocsp, "require_ocsp"), .kinds = 1u << CFG_CLIENT, .ours = 1},
	{ROW(CFG_KTLS, CFG_TYPE_BOOL, ktls, "ktls"), .ours = 1},
	{ROW(CFG_KTLS_REKEY_REQUIRED, CFG_TYPE_BOOL, ktls_rekey_required, "ktls_rekey_required"), .ours = 1},
	/* clang-format on */
};

const struct cfg_attribute *cfg_find_attribute(const char *name)
{
	for (int i = 0; i < CFG_ATTRIBUTES; i++)
		for (int j = 0; j < 2 && cfg_attributes[i].names[j]; j++)
			if (!strcasecmp(cfg_attributes[i].names[j], name))
				return &cfg_attributes[i];
	return NULL;
}

static int parse_verify_client(const char *param, const char *value, int *out, struct cfg_error *e)
{
	static const char *const words[] = {"off", "on", "optional", "optional_no_ca"};

	for (int i = 0; i < 4; i++) {
		if (!strcasecmp(words[i], value)) {
			*out = i;
			return 0;
		}
	}
	return cfg_fail(e, "%s: '%s' is not known; use off, on, optional or optional_no_ca", param, value);
}

/* What a client can send as a server's name (RFC 6066: the DNS name in ASCII, without a final dot). */
static int is_host_name(const char *name)
{
	return name[0] != '.' && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(name);
}

static int parse_name(const char *param, const char *value, char **out, struct cfg_error *e)
{
	size_t len = strlen(value);
	char *name;

	if (len && value[len - 1] == '.')
		len--;
	if (!len || len > HOST_NAME_MAX_LEN)
		return cfg_fail(e, "%s: '%s' is not a host name of 1 to %d characters", param, value,
			HOST_NAME_MAX_LEN);
	for (const char *p = value; *p; p++)
		if (iscntrl((unsigned char)*p))
			return cfg_fail(e, "%s: '%s' holds a control character", param, value);
	name = strndup(value, len);
	if (!name)
		return cfg_fail(e, "%s: out of memory", param);
	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	*out = name;
	return 0;
}

static int parse_text(const struct cfg_attribute *a, const char *param, const char *value,
	const char *main_config, char **out, struct cfg_error *e)
{
	int is_path = a->type == CFG_TYPE_PATH;

	if (a->type == CFG_TYPE_NAME)
		return parse_name(param, value, out, e);
	if (a->type == CFG_TYPE_PROTOCOLS)
		return cfg_parse_alpn(param, value, out, e);
	if (a->type == CFG_TYPE_SECRET && strlen(value) > PASSWORD_MAX)
		return cfg_fail(e, "%s: the password is longer than %d bytes", param, PASSWORD_MAX);
	if (a->type == CFG_TYPE_KEY) {
		if (!strncmp(value, CFG_KEY_ENGINE, strlen(CFG_KEY_ENGINE)))
			return cfg_fail(e,
				"%s: '%s' is a key of an OpenSSL engine, which OpenSSL 3 retires; use %s and "
				"a URI of a provider, e.g. %spkcs11:object=NAME",
				param, value, CFG_KEY_URI, CFG_KEY_URI);
		is_path = strncmp(value, CFG_KEY_URI, strlen(CFG_KEY_URI)) != 0;
	}
	*out = is_path ? cfg_resolve_path(main_config, value) : strdup(value);
	return *out ? 0 : cfg_fail(e, "%s: out of memory", param);
}

static int parse_value(struct cfg_domain *d, const struct cfg_attribute *a, const char *param,
	const char *value, const char *main_config, struct cfg_error *e)
{
	void *member = (char *)d + a->offset;
	char *text = NULL, **old = member;

	switch (a->type) {
	case CFG_TYPE_METHOD:
		return cfg_parse_method(param, value, member, e);
	case CFG_TYPE_BOOL:
		return cfg_parse_bool(param, value, member, e);
	case CFG_TYPE_INT:
		return cfg_parse_int(param, value, a->min, a->max, member, e);
	case CFG_TYPE_VERIFY_CLIENT:
		return parse_verify_client(param, value, member, e);
	default:
		break;
	}
	if (parse_text(a, param, value, main_config, &text, e))
		return -1;
	if (a->type == CFG_TYPE_SECRET && *old)
		OPENSSL_cleanse(*old, strlen(*old));
	free(*old);
	*old = text;
	return 0;
}

static int complain(struct cfg_errors *list, const struct cfg_domain *d, const struct cfg_where *where,
	const char *sentence)
{
	char domain[CFG_DOMAIN_TEXT];

	cfg_domain_text(d, domain);
	if (where->line)
		return cfg_add_error(list, "%.300s:%u: %s: %s", where->file, where->line, domain, sentence);
	if (d->is_default) /* a modparam for all domains */
		return cfg_add_error(list, "%.300s: %s", where->file, sentence);
	return cfg_add_error(list, "%.300s: %s: %s", where->file, domain, sentence);
}

static void warn(const struct cfg_domain *d, const struct cfg_where *where, const char *format, ...)
{
	struct cfg_error e;
	va_list args;

	va_start(args, format);
	vsnprintf(e.text, sizeof(e.text), format, args);
	va_end(args);
	if (where->warnings)
		complain(where->warnings, d, where, e.text);
}

static void unset(struct cfg_domain *d, const struct cfg_attribute *a)
{
	char **text = (char **)((char *)d + a->offset);

	if (a->type == CFG_TYPE_SECRET && *text)
		OPENSSL_cleanse(*text, strlen(*text));
	free(*text);
	*text = NULL;
	d->set &= ~(1u << a->id);
	d->lines[a->id] = 0;
}

/* The number that the stock module works with; the text may be any number. */
static const char *number_in_range(struct cfg_domain *d, const struct cfg_attribute *a, const char *name,
	const char *value, const struct cfg_where *where, char text[NUMBER_TEXT])
{
	struct cfg_error e;
	int number, used;

	if (cfg_parse_int(name, value, INT_MIN, INT_MAX, &number, &e) ||
		(number >= a->min && number <= a->max))
		return value;
	used = a->id == CFG_VERIFY_DEPTH && number > a->max ? a->max : a->otherwise;
	warn(d, where, "%s: %d is not a number from %d to %d; %d is used", name, number, a->min, a->max,
		used);
	snprintf(text, NUMBER_TEXT, "%d", used);
	return text;
}

static void warn_of_value(
	struct cfg_domain *d, const struct cfg_attribute *a, const char *name, const struct cfg_where *where)
{
	if (where->line && d->set >> a->id & 1)
		warn(d, where, "%s: is set a second time, first in line %u; this line counts", name,
			d->lines[a->id]);
	if (a->id == CFG_SERVER_NAME && !is_host_name(d->server_name))
		warn(d, where,
			"%s: no client can ask for '%s', which is not a host name in ASCII; for all its "
			"subdomains write the domain without * and set server_name_mode to 1 or 2",
			name, d->server_name);
}

int cfg_set_attribute(struct cfg_domain *d, const char *name, const char *value,
	const struct cfg_where *where, struct cfg_errors *errors)
{
	const struct cfg_attribute *a = cfg_find_attribute(name);
	char text[NUMBER_TEXT];
	struct cfg_error e;

	if (!a) {
		cfg_fail(&e, "'%.100s' is not an attribute of a TLS domain; see the manual for their names",
			name);
		return complain(errors, d, where, e.text);
	}
	if (!*value && a->type >= CFG_TYPE_STRING) {
		unset(d, a);
		warn(d, where, "%s: the value is empty, so it counts as not set; leave the line out", name);
		return 0;
	}
	if (!*value && a->type == CFG_TYPE_INT) {
		warn(d, where, "%s: the value is empty; 0 is used", name);
		value = "0";
	}
	if (a->type == CFG_TYPE_INT)
		value = number_in_range(d, a, name, value, where, text);
	if (parse_value(d, a, name, value, where->main_config, &e))
		return complain(errors, d, where, e.text);
	warn_of_value(d, a, name, where);
	d->set |= 1u << a->id;
	d->lines[a->id] = where->line;
	return 0;
}

static int copy_value(struct cfg_domain *d, const struct cfg_domain *from, const struct cfg_attribute *a)
{
	void *to = (char *)d + a->offset;
	const void *value = (const char *)from + a->offset;
	char *text;

	if (a->type == CFG_TYPE_METHOD) {
		memcpy(to, value, sizeof(struct cfg_versions));
		return 0;
	}
	if (a->type < CFG_TYPE_STRING) {
		memcpy(to, value, sizeof(int));
		return 0;
	}
	text = strdup(*(char *const *)value);
	if (!text)
		return -ENOMEM;
	*(char **)to = text;
	return 0;
}

int cfg_inherit(struct cfg_domain *d, const struct cfg_domain *from, uint32_t attributes)
{
	uint32_t wanted = from->set & ~d->set & attributes;

	for (int i = 0; i < CFG_ATTRIBUTES; i++) {
		if (!(wanted >> i & 1))
			continue;
		if (copy_value(d, from, &cfg_attributes[i]))
			return -ENOMEM;
		d->set |= 1u << i;
		d->inherited |= 1u << i;
		d->lines[i] = from->lines[i];
	}
	return 0;
}
