/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/alpn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	NAME_MAX_LEN = 255, /* RFC 7301 3.1 */
};

/* Names of a list without blanks. */
static size_t len_of(const char *name)
{
	return strcspn(name, ",");
}

static const char *next(const char *name)
{
	name += len_of(name);
	return *name ? name + 1 : name;
}

static int is_in(const char *list, const char *wanted, size_t len)
{
	for (const char *name = list; *name; name = next(name))
		if (len_of(name) == len && !memcmp(name, wanted, len))
			return 1;
	return 0;
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int check_name(const char *param, const char *list, const char *name, size_t len, struct cfg_error *e)
{
	if (!len)
		return cfg_fail(e,
			"%s: a name is missing; write the names with single commas between them, as in "
			"sip/2,http/1.1",
			param);
	if (len > NAME_MAX_LEN)
		return cfg_fail(e,
			"%s: '%.40s...' is longer than the %d bytes that a protocol's name may have", param,
			name, NAME_MAX_LEN);
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] >= 0x7f)
			return cfg_fail(e,
				"%s: '%.*s' holds a blank or a byte that is in no protocol's name; write "
				"commas between the names, as in sip/2,http/1.1",
				param, (int)len, name);
	if (is_in(list, name, len))
		return cfg_fail(e, "%s: '%.*s' is there twice; name it once", param, (int)len, name);
	return 0;
}

/* Appends a name to the list, behind a comma unless it is the first one. */
static void append(char *list, const char *name, size_t len)
{
	char *end = list + strlen(list);

	if (end != list)
		*end++ = ',';
	memcpy(end, name, len);
	end[len] = '\0';
}

static int parse(const char *param, const char *value, char *list, struct cfg_error *e)
{
	const char *p = value;

	for (;;) {
		size_t whole = strcspn(p, ","), len = whole;
		const char *name = p;

		for (; len && is_blank(*name); len--)
			name++;
		while (len && is_blank(name[len - 1]))
			len--;
		if (check_name(param, list, name, len, e))
			return -1;
		append(list, name, len);
		if (!p[whole])
			break;
		p += whole + 1;
	}
	/* Each name has a byte with its length in the ClientHello; here it has a comma or the final 0. */
	if (strlen(list) + 1 > CFG_ALPN_MAX)
		return cfg_fail(
			e, "%s: the list is longer than %d bytes; name fewer protocols", param, CFG_ALPN_MAX);
	return 0;
}

int cfg_parse_alpn(const char *param, const char *value, char **out, struct cfg_error *e)
{
	char *list = calloc(1, strlen(value) + 1);

	if (!list)
		return cfg_fail(e, "%s: out of memory", param);
	if (parse(param, value, list, e)) {
		free(list);
		return -1;
	}
	*out = list;
	return 0;
}

/* Where a name is among those that the client offers, each behind a byte with its length; NULL: nowhere. */
static const unsigned char *find_offered(
	const unsigned char *offered, size_t offered_len, const char *name, size_t len)
{
	for (size_t at = 0; at < offered_len; at += 1 + (size_t)offered[at])
		if (offered[at] == len && len < offered_len - at && !memcmp(offered + at + 1, name, len))
			return offered + at + 1;
	return NULL;
}

static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *offered,
	unsigned offered_len, void *list)
{
	(void)ssl;
	for (const char *name = list; *name; name = next(name)) {
		const unsigned char *found = find_offered(offered, offered_len, name, len_of(name));

		if (found) {
			*out = found;
			*out_len = (unsigned char)len_of(name);
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void cfg_alpn_choose(SSL_CTX *ctx, const char *list)
{
	SSL_CTX_set_alpn_select_cb(ctx, choose, (void *)list);
}

int cfg_alpn_offer(SSL_CTX *ctx, const char *list)
{
	unsigned char offer[CFG_ALPN_MAX];
	size_t at = 0;

	for (const char *name = list; *name; name = next(name)) {
		offer[at++] = (unsigned char)len_of(name);
		memcpy(offer + at, name, len_of(name));
		at += len_of(name);
	}
	return SSL_CTX_set_alpn_protos(ctx, offer, (unsigned)at) ? -ENOMEM : 0; /* 0 is success there */
}
