/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "domains.h"

#include "connection.h"
#include "folder.h"

#include "cfg/context_private.h"

#include <ctype.h>
#include <openssl/err.h>
#include <string.h>

struct cfg_domain make_domain(const char *certificate, const char *key, const char *ca_list)
{
	struct cfg_domain d = {.certificate = folder_path(certificate), .private_key = folder_path(key)};

	if (ca_list)
		d.ca_list = folder_path(ca_list);
	assert_int_equal(cfg_domain_defaults(&d, NULL), 0);
	return d;
}

SSL_CTX *build_context(const struct cfg_domain *d, struct cfg_error *e, struct cfg_error *warning)
{
	static struct cfg_errors errors, warnings;
	struct cfg_pems pems = {0};
	struct cfg_expiries expiries = {0};
	SSL_CTX *ctx;

	memset(&errors, 0, sizeof(errors));
	memset(&warnings, 0, sizeof(warnings));
	ctx = cfg_make_context(d, &pems, &expiries, &errors, &warnings);
	cfg_pems_clear(&pems);
	cfg_expiries_clear(&expiries);
	*e = errors.list[0];
	*warning = warnings.list[0];
	return ctx;
}

SSL_CTX *build_good(const struct cfg_domain *d)
{
	struct cfg_error e = {.text = ""}, warning = {.text = "old"};
	SSL_CTX *ctx = build_context(d, &e, &warning);

	assert_string_equal(e.text, "");
	assert_non_null(ctx);
	assert_string_equal(warning.text, "");
	assert_int_equal(ERR_peek_error(), 0);
	return ctx;
}

void build_refused(struct cfg_domain *d, const char *param, const char *value, const char *reason)
{
	struct cfg_error e, warning;
	size_t len = strlen(param);

	memset(&e, 'x', sizeof(e));
	assert_null(build_context(d, &e, &warning));
	assert_true(memchr(e.text, '\0', sizeof(e.text)) != NULL);
	if (strncmp(e.text, param, len) || e.text[len] != ':' || !strstr(e.text, value) ||
		!strstr(e.text, reason))
		fail_msg("'%s' does not tell of %s, %s, %s", e.text, param, value, reason);
	for (const char *p = e.text; *p; p++)
		assert_false(iscntrl((unsigned char)*p));
	/* Nothing is left behind that the next call of OpenSSL could be blamed for. */
	assert_int_equal(ERR_peek_error(), 0);
	cfg_domain_clear(d);
}

void check_works(SSL_CTX *ctx, int version, const struct identity *shown)
{
	SSL_CTX *client = client_context(version, NULL);
	struct ktls_session_keys keys;
	struct connection c;

	connection_open(&c, ctx, client);
	connection_establish(&c, &keys);
	connection_talk(&c, &keys);
	assert_int_equal(X509_cmp(SSL_get0_peer_certificate(c.client), shown->cert), 0);
	connection_close(&c);
	SSL_CTX_free(client);
}
