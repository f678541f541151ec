/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/script/variables.h"

#include "ser/script/answer_for_message.h"
#include "ser/shared/log.h"

#include <errno.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct variable {
	const char *name;
	struct question q;
	int number; /* 1: the value is also a number */
};

#define VALUE(prefix, is_own, text, ...)                                                                     \
	{                                                                                                    \
		prefix text, {.own = is_own, __VA_ARGS__}, 0                                                 \
	}
#define ENTRY(prefix, own, text, id)                                                                         \
	VALUE(prefix, own, "subject_" text, .field = ANSWER_SUBJECT, .nid = id),                             \
		VALUE(prefix, own, "issuer_" text, .field = ANSWER_ISSUER, .nid = id)
#define SAN(prefix, own, text, type) VALUE(prefix, own, "san_" text, .field = ANSWER_SAN, .san = type)
#define CERTIFICATE(prefix, own)                                                                             \
	VALUE(prefix, own, "raw_cert", .field = ANSWER_PEM),                                                 \
		VALUE(prefix, own, "urlencoded_cert", .field = ANSWER_PEM, .escaped = 1),                    \
		VALUE(prefix, own, "fingerprint", .field = ANSWER_FINGERPRINT),                              \
		VALUE(prefix, own, "version", .field = ANSWER_CERT_VERSION),                                 \
		VALUE(prefix, own, "serial", .field = ANSWER_SERIAL),                                        \
		VALUE(prefix, own, "subject", .field = ANSWER_SUBJECT_LINE),                                 \
		VALUE(prefix, own, "issuer", .field = ANSWER_ISSUER_LINE),                                   \
		ENTRY(prefix, own, "cn", NID_commonName), ENTRY(prefix, own, "locality", NID_localityName),  \
		ENTRY(prefix, own, "country", NID_countryName),                                              \
		ENTRY(prefix, own, "state", NID_stateOrProvinceName),                                        \
		ENTRY(prefix, own, "organization", NID_organizationName),                                    \
		ENTRY(prefix, own, "unit", NID_organizationalUnitName),                                      \
		VALUE(prefix, own, "subject_uid", .field = ANSWER_SUBJECT, .nid = NID_userId),               \
		SAN(prefix, own, "email", GEN_EMAIL), SAN(prefix, own, "hostname", GEN_DNS),                 \
		SAN(prefix, own, "uri", GEN_URI), SAN(prefix, own, "ip", GEN_IPADD)
#define CONNECTION(text, what)                                                                               \
	{                                                                                                    \
		text, {.field = what}, 0                                                                     \
	}
#define NUMBER(text, what)                                                                                   \
	{                                                                                                    \
		text, {.field = what}, 1                                                                     \
	}

static const struct variable variables[] = {
	CONNECTION("tls_version", ANSWER_VERSION),
	CONNECTION("tls_description", ANSWER_DESCRIPTION),
	CONNECTION("tls_cipher_info", ANSWER_CIPHER),
	NUMBER("tls_cipher_bits", ANSWER_BITS),
	CONNECTION("tls_peer_server_name", ANSWER_SERVER_NAME),
	CONNECTION("tls_offload", ANSWER_OFFLOAD),
	CONNECTION("tls_alpn", ANSWER_ALPN),
	CONNECTION("tls_group", ANSWER_GROUP),
	NUMBER("tls_resumed", ANSWER_RESUMED),
	NUMBER("tls_handshake_time", ANSWER_HANDSHAKE_TIME),
	NUMBER("tls_peer_verified", ANSWER_VERIFIED),
	NUMBER("tls_peer_revoked", ANSWER_REVOKED),
	NUMBER("tls_peer_expired", ANSWER_EXPIRED),
	NUMBER("tls_peer_selfsigned", ANSWER_SELF_SIGNED),
	CONNECTION("tls_peer_notBefore", ANSWER_NOT_BEFORE),
	CONNECTION("tls_peer_notAfter", ANSWER_NOT_AFTER),
	CERTIFICATE("tls_peer_", 0),
	CERTIFICATE("tls_my_", 1),
};

/* Variables whose name continues in parentheses. */
static const struct variable inner[] = {
	{"tls(m_subject_line)", {.field = ANSWER_SUBJECT_LINE, .own = 1}, 0},
	{"tls(m_issuer_line)", {.field = ANSWER_ISSUER_LINE, .own = 1}, 0},
	{"tls(p_subject_line)", {.field = ANSWER_SUBJECT_LINE}, 0},
	{"tls(p_issuer_line)", {.field = ANSWER_ISSUER_LINE}, 0},
#define SAN_COUNT(who, is_own, name, type)                                                                   \
	{                                                                                                    \
		"tls_" who "_san_count(" name ")", {.field = ANSWER_SAN_COUNT, .own = is_own, .san = type},  \
			1                                                                                    \
	}
	SAN_COUNT("peer", 0, "EMAIL", GEN_EMAIL),
	SAN_COUNT("peer", 0, "DNS", GEN_DNS),
	SAN_COUNT("peer", 0, "URI", GEN_URI),
	SAN_COUNT("peer", 0, "IP", GEN_IPADD),
	SAN_COUNT("my", 1, "EMAIL", GEN_EMAIL),
	SAN_COUNT("my", 1, "DNS", GEN_DNS),
	SAN_COUNT("my", 1, "URI", GEN_URI),
	SAN_COUNT("my", 1, "IP", GEN_IPADD),
};

enum {
	VARIABLES = sizeof(variables) / sizeof(variables[0]),
	INNER = sizeof(inner) / sizeof(inner[0]),
	WITH_PARENTHESES = 4,
	/*
	 * What the core stores for us with a name: an index into variables[], then into inner[], and perhaps
	 * this.
	 */
	SAFE = 1 << 16,
};

struct host_variable variables_table[VARIABLES + WITH_PARENTHESES + 1];

static int get(struct host_sip_msg *msg, struct host_variable_param *param, struct host_value *value)
{
	int which = param->name.n & (SAFE - 1), flags;
	const struct variable *v = which < VARIABLES ? &variables[which] : &inner[which - VARIABLES];
	struct question q = v->q;

	if (param->name.n & SAFE)
		q.escaped = 1;
	/* $(name[*]) means all of them to the core and none to us. Without brackets the index is 0. */
	if (q.field == ANSWER_SAN &&
		(pv_get_spec_index(msg, param, &q.index, &flags) || (flags && flags != HOST_INDEX_NONE)))
		return pv_get_null(msg, param, value);
	if (answer_for_message(msg, &q, &value->s))
		return pv_get_null(msg, param, value);
	value->flags = HOST_VALUE_STR;
	if (v->number) {
		value->i = strtol(value->s.s, NULL, 10);
		value->flags |= HOST_VALUE_INT;
	}
	return 0;
}

static int init(struct host_variable_spec *spec, int which)
{
	spec->param.name.n = which;
	return 0;
}

static int is(const struct host_str *text, const char *name, size_t len)
{
	return (size_t)text->len == len && !memcmp(text->s, name, len);
}

/* An index into variables[], or -1. prefix is the part of the name that the text lacks. */
static int find(const struct host_str *text, const char *prefix)
{
	size_t skip = strlen(prefix);

	for (int i = 0; i < VARIABLES; i++)
		if (!strncmp(variables[i].name, prefix, skip) &&
			is(text, variables[i].name + skip, strlen(variables[i].name + skip)))
			return i;
	return -1;
}

static int refuse(const char *class, const struct host_str *name)
{
	ser_log(LOG_LEVEL_ERROR, "there is no $%s(%.*s); see docs/selects.md for those there are", class,
		name->len, name->s);
	return -1;
}

static int parse_inner(struct host_variable_spec *spec, const struct host_str *name, const char *class)
{
	size_t skip = strlen(class) + 1;

	for (int i = 0; i < INNER; i++) {
		const char *full = inner[i].name;

		if (!strncmp(full, class, skip - 1) && full[skip - 1] == '(' &&
			is(name, full + skip, strlen(full + skip) - 1))
			return init(spec, VARIABLES + i);
	}
	return refuse(class, name);
}

static int parse_line(struct host_variable_spec *spec, const struct host_str *name)
{
	return parse_inner(spec, name, "tls");
}

static int parse_peer_count(struct host_variable_spec *spec, const struct host_str *name)
{
	return parse_inner(spec, name, "tls_peer_san_count");
}

static int parse_own_count(struct host_variable_spec *spec, const struct host_str *name)
{
	return parse_inner(spec, name, "tls_my_san_count");
}

static int parse_safe(struct host_variable_spec *spec, const struct host_str *name)
{
	int which = find(name, "tls_");

	return which < 0 ? refuse("tls_safe", name) : init(spec, which | SAFE);
}

static struct host_variable row(const char *name)
{
	return (struct host_variable){
		.name = {(char *)name, (int)strlen(name)}, .type = HOST_VARIABLE_OTHER, .get = get};
}

void variables_prepare(void)
{
	static const struct {
		const char *name;
		int (*parse_name)(struct host_variable_spec *spec, const struct host_str *name);
	} with_parentheses[WITH_PARENTHESES] = {
		{"tls", parse_line},
		{"tls_peer_san_count", parse_peer_count},
		{"tls_my_san_count", parse_own_count},
		{"tls_safe", parse_safe},
	};
	struct host_variable *v = variables_table;

	for (int i = 0; i < VARIABLES; i++, v++) {
		*v = row(variables[i].name);
		v->init = init;
		v->init_param = i;
		if (variables[i].q.field == ANSWER_SAN)
			v->parse_index = pv_parse_index;
	}
	for (int i = 0; i < WITH_PARENTHESES; i++, v++) {
		*v = row(with_parentheses[i].name);
		v->parse_name = with_parentheses[i].parse_name;
	}
	v[-1].parse_index = pv_parse_index; /* for tls_safe, because the variable in it may have an index */
}

int variables_get(const struct host_sip_msg *msg, const struct host_str *name, struct host_str *value)
{
	int which = find(name, "");

	return which < 0 ? -ENOENT : answer_for_message(msg, &variables[which].q, value);
}
