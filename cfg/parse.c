/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The syntax of tls.cfg: sections in brackets, "name = value" lines, comments from # to the end of the line.
 */
#include "cfg/attribute.h"
#include "cfg/config_private.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

enum {
	NAME_MAX_LEN = 64,
	SECTION_MAX_LEN = 128,
};

struct parser {
	struct cfg_config *config;
	struct cfg_errors *errors;
	const char *file;
	const char *p, *end;
	unsigned line;
	struct cfg_domain *domain; /* the section's domain, or NULL */
	int skips;                 /* the section was wrong, so its lines are skipped */
};

static int complain(struct parser *in, unsigned line, const char *what)
{
	return cfg_add_error(in->errors, "%.300s:%u: %s", in->file, line, what);
}

static int peek(const struct parser *in)
{
	return in->p < in->end ? (unsigned char)*in->p : '\n';
}

static void skip_blanks(struct parser *in)
{
	while (in->p < in->end && (*in->p == ' ' || *in->p == '\t' || *in->p == '\r'))
		in->p++;
}

/*
 * Goes to the first byte of the next line. A backslash at the end of a comment continues it, as in the core.
 */
static void skip_line(struct parser *in)
{
	int comment = 0;

	while (in->p < in->end) {
		char c = *in->p++;

		comment |= c == '#';
		if (comment && c == '\\' && in->p < in->end) {
			in->line += *in->p == '\n';
			in->p++;
		} else if (c == '\n') {
			in->line++;
			return;
		}
	}
}

static int at_end_of_line(struct parser *in)
{
	skip_blanks(in);
	return peek(in) == '\n' || peek(in) == '#';
}

static int is_word(const char *text, const char *a, const char *b, const char *c)
{
	return !strcasecmp(text, a) || !strcasecmp(text, b) || (c && !strcasecmp(text, c));
}

/* The text between the brackets, without blanks. */
static int parse_place(char *text, struct cfg_domain *place, const char **what)
{
	char *address = strchr(text, ':');

	*what = "a section is [server:ADDRESS] or [client:ADDRESS], with default, any, <ip>:<port> or "
		"[<ipv6>]:<port> as address";
	if (!address)
		return -1;
	*address++ = '\0';
	if (is_word(text, "server", "srv", "s"))
		place->kind = CFG_SERVER;
	else if (is_word(text, "client", "cli", "c"))
		place->kind = CFG_CLIENT;
	else
		return -1;
	place->is_default = is_word(address, "default", "def", "*");
	if (place->is_default || is_word(address, "any", "all", NULL))
		return 0;
	*what = "the address of the section is none; use default, any, <ip>:<port> or [<ipv6>]:<port>, with "
		"port 0 for all ports";
	return cfg_parse_address(address, &place->scope);
}

static void parse_section(struct parser *in)
{
	struct cfg_domain place = {
		.scope = {.address.any.sa_family = AF_UNSPEC}, .file = (char *)in->file, .line = in->line};
	const char *what = "the section's ']' is missing";
	char text[SECTION_MAX_LEN];
	int depth = 1;
	size_t len = 0;

	in->domain = NULL;
	in->skips = 1;
	while (depth) {
		int c = peek(in);

		if (c == '\n' || c == '#' || !c || len == sizeof(text) - 1) {
			complain(in, in->line, what);
			return;
		}
		in->p++;
		depth += (c == '[') - (c == ']');
		if (depth && c != ' ' && c != '\t' && c != '\r')
			text[len++] = (char)c;
	}
	text[len] = '\0';
	if (parse_place(text, &place, &what)) {
		complain(in, in->line, what);
		return;
	}
	if (!at_end_of_line(in)) {
		complain(in, in->line, "nothing may follow the section's ']' on its line");
		return;
	}
	in->domain = cfg_add_domain(in->config, &place, in->errors);
	in->skips = !in->domain;
}

/* The byte that a backslash and the next character stand for; -1: none, -2: a mistake. */
static int parse_escape(struct parser *in)
{
	int c = in->p < in->end ? (unsigned char)*in->p++ : -1;

	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case '\n':
		in->line++;
		return -1;
	case '#':
	case '"':
	case '\\':
	case ' ':
		return c;
	default:
		return -2;
	}
}

/* Whether an unquoted value ends before c. */
static int ends_value(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '#';
}

/* Messages never repeat a value here, because it may be a password. */
static int parse_value(struct parser *in, char *out, size_t cap)
{
	unsigned line = in->line;
	int quoted = peek(in) == '"', c;
	size_t len = 0;

	in->p += quoted;
	for (;;) {
		c = peek(in);
		if (c == '\n' && quoted)
			return complain(in, line, "the value's closing quote is missing on its line");
		if (c == '\n' || (!quoted && ends_value(c)))
			break;
		in->p++;
		if (quoted && c == '"')
			break;
		if (c == '\\') {
			c = parse_escape(in);
			if (c == -2)
				return complain(in, line,
					"a backslash stands in front of something it does not go with; write "
					"\\\\ for a backslash");
			if (c == -1)
				continue;
		} else if (iscntrl(c) && c != '\t') {
			return complain(in, line, "the value holds a control character");
		}
		if (len == cap - 1)
			return complain(in, line, "the value is too long");
		out[len++] = (char)c;
	}
	out[len] = '\0';
	if (!at_end_of_line(in))
		return complain(in, line, "put quotes (\") around a value that holds blanks");
	return 0;
}

static void parse_attribute(struct parser *in)
{
	const struct cfg_where where = {.file = in->file,
		.line = in->line,
		.main_config = in->config->main_config,
		.warnings = &in->config->warnings};
	char name[NAME_MAX_LEN], value[CFG_VALUE_MAX];
	size_t len = 0;

	while (len < sizeof(name) - 1 && (isalnum(peek(in)) || peek(in) == '_'))
		name[len++] = *in->p++;
	name[len] = '\0';
	skip_blanks(in);
	if (in->skips)
		return;
	if (!len || peek(in) != '=') {
		complain(in, in->line, "expected [section], a comment (#) or attribute = value");
		return;
	}
	in->p++;
	if (at_end_of_line(in)) {
		cfg_add_error(in->errors, "%.300s:%u: %s has no value", in->file, in->line, name);
		return;
	}
	if (!parse_value(in, value, sizeof(value))) {
		if (in->domain)
			cfg_set_attribute(in->domain, name, value, &where, in->errors);
		else
			cfg_add_error(in->errors,
				"%.300s:%u: %s stands in front of the first section; write [server:default] "
				"or another above it",
				in->file, where.line, name);
	}
	OPENSSL_cleanse(value, sizeof(value));
}

int cfg_parse_text(
	struct cfg_config *config, const char *name, const char *text, size_t len, struct cfg_errors *errors)
{
	struct parser in = {
		.config = config, .errors = errors, .file = name, .p = text, .end = text + len, .line = 1};
	unsigned before = cfg_errors_added(errors);

	config->has_file = 1;
	while (in.p < in.end) {
		if (!at_end_of_line(&in)) {
			if (peek(&in) == '[') {
				in.p++;
				parse_section(&in);
			} else {
				parse_attribute(&in);
			}
		}
		skip_line(&in);
	}
	return cfg_errors_added(errors) == before ? 0 : -1;
}
