/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sets.h"

#include "folder.h"

#include <openssl/err.h>
#include <stdlib.h>

struct cfg_set *set_with(const char *text, const struct cfg_build *how)
{
	struct cfg_config *config = config_of(text);
	struct cfg_set *set = cfg_build_set(config, how, &errors, &warnings);

	if (!set)
		fail_msg("%s", errors.list[0].text);
	assert_int_equal(errors.count, 0);
	assert_int_equal(ERR_peek_error(), 0);
	cfg_config_unref(config); /* the set has its own reference */
	return set;
}

void sets_open_folder(void)
{
	folder_open();
	main_config = folder_path("ser.cfg");
}

void sets_close_folder(void)
{
	folder_close();
	free((char *)main_config);
}

struct cfg_set *set_of(const char *text)
{
	return set_with(text, &(struct cfg_build){.kinds = 1u << CFG_SERVER | 1u << CFG_CLIENT});
}

void refuse_set(const char *text)
{
	struct cfg_config *config = config_of(text);

	assert_null(cfg_build_set(config, &(struct cfg_build){.kinds = 1u << CFG_SERVER | 1u << CFG_CLIENT},
		&errors, &warnings));
	assert_true(errors.count > 0);
	assert_int_equal(ERR_peek_error(), 0);
	cfg_config_unref(config);
}

void connection_open_at(
	struct connection *c, const struct cfg_set *set, const char *local, SSL_CTX *client, const char *name)
{
	connection_open(c, cfg_set_server_context(set, address_of(local)), client);
	assert_int_equal(cfg_ssl_attach(ktls_handshake_ssl(c->server), local ? address_of(local) : NULL), 0);
	if (name)
		assert_int_equal(SSL_set_tlsext_host_name(c->client, name), 1);
}

unsigned chosen_line(const struct connection *c)
{
	return cfg_context_domain(SSL_get_SSL_CTX(ktls_handshake_ssl(c->server)))->line;
}

void connection_check(struct connection *c, unsigned line, const struct identity *shown)
{
	struct ktls_session_keys keys;

	connection_establish(c, &keys);
	assert_int_equal(chosen_line(c), line);
	assert_int_equal(X509_cmp(SSL_get0_peer_certificate(c->client), shown->cert), 0);
	connection_talk(c, &keys);
}

void check_chosen(const struct cfg_set *set, const char *local, int version, const char *name, unsigned line,
	const struct identity *shown)
{
	SSL_CTX *client = client_context(version, NULL);
	struct connection c;
	const char *heard;

	connection_open_at(&c, set, local, client, name);
	connection_check(&c, line, shown);
	heard = SSL_get_servername(ktls_handshake_ssl(c.server), TLSEXT_NAMETYPE_host_name);
	if (name)
		assert_string_equal(heard, name);
	else
		assert_null(heard);
	connection_close(&c);
	SSL_CTX_free(client);
}

int connection_works(struct connection *c)
{
	return connection_run(c) == KTLS_HANDSHAKE_DONE && connection_client_turn(c);
}
