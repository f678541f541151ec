/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a client domain's connections say and demand before they begin. */
#include "client.h"
#include "configs.h"
#include "named.h"

#include "cfg/client.h"
#include "ktls/name.h"

#include <errno.h>
#include <string.h>

static struct identity ca, id;

static int set_up(void **state)
{
	(void)state;
	ca = make_authority("authority", NULL);
	id = make_named("server", "URI:sip:a.example", &ca);
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	free_identity(&ca);
	free_identity(&id);
	return 0;
}

static SSL_CTX *our_context(const struct cfg_domain *d)
{
	SSL_CTX *ctx = our_client_context(TLS1_3_VERSION, NULL, cfg_domain_verify(d));

	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.cert), 1);
	return ctx;
}

struct naming {
	const char *lines;       /* of the domain in tls.cfg */
	const char *server_name; /* of the script */
	const char *sni;         /* NULL: none */
	const char *error;       /* of the handshake; NULL: none */
};

static const struct naming namings[] = {
	/* The script's name goes first, then the domain's own. */
	{"", NULL, NULL, NULL},
	{"", "", NULL, NULL},
	{"", "b.example", "b.example", NULL},
	{"server_name=c.example\n", NULL, "c.example", NULL},
	{"server_name=c.example\n", "", "c.example", NULL},
	{"server_name=c.example\n", "b.example", "b.example", NULL},
	{"server_name=c.example\nserver_name_mode=1\n", NULL, "c.example", NULL},
	{"server_name=c.example\nserver_name_mode=2\n", NULL, NULL, NULL},
	{"server_name=c.example\nserver_name_mode=2\n", "b.example", "b.example", NULL},
	/* Addresses are not sent. */
	{"", "192.0.2.1", NULL, NULL},
	{"", "2001:db8::1", NULL, NULL},
	{"", "[2001:db8::1]", NULL, NULL},
	{"", "B.Example.", "B.Example", NULL},
	/* With verification the certificate must have the name. */
	{"verify_certificate=1\n", "a.example", "a.example", NULL},
	{"verify_certificate=1\n", "A.Example.", "A.Example", NULL},
	{"require_certificate=1\nserver_name=a.example\n", NULL, "a.example", NULL},
	{"verify_certificate=1\n", "b.example", "b.example", "it is for a.example, not for b.example"},
	{"verify_client=on\nserver_name=b.example\n", NULL, "b.example", "not for b.example"},
	{"verify_certificate=1\n", "192.0.2.1", NULL, "it names no IP address, so not 192.0.2.1"},
	{"verify_certificate=1\n", "[2001:db8::1]", NULL, "it names no IP address, so not 2001:db8::1"},
	/* Not where nobody asked for one, or for that. */
	{"verify_certificate=1\n", NULL, NULL, NULL},
	{"verify_certificate=1\nverify_name=1\n", "b.example", "b.example", "not for b.example"},
	{"verify_certificate=1\nverify_name=0\n", "b.example", "b.example", NULL},
	{"verify_client=optional_no_ca\n", "b.example", "b.example", NULL},
	{"verify_certificate=0\nverify_name=1\n", "b.example", "b.example", NULL},
};

static const struct cfg_domain *client_domain(struct cfg_config *config)
{
	const struct cfg_domain *d = domain_at(config, 1);

	assert_int_equal(d->kind, CFG_CLIENT);
	return d;
}

static void check_naming(const struct naming *n)
{
	char text[256] = "[client:default]\n";
	struct cfg_config *config = config_of(strcat(text, n->lines));
	const struct cfg_domain *d = client_domain(config);
	SSL_CTX *ours = our_context(d), *server = peer_server_context(&id);
	struct client c;
	const char *sni;

	client_open(&c, ours, server);
	assert_int_equal(cfg_client_prepare(ktls_handshake_ssl(c.ours), d, n->server_name), 0);
	assert_int_equal(client_run(&c), n->error ? KTLS_HANDSHAKE_FAILED : KTLS_HANDSHAKE_DONE);
	if (n->error && !strstr(ktls_handshake_error(c.ours), n->error))
		fail_msg("%s", ktls_handshake_error(c.ours));
	sni = SSL_get_servername(c.server, TLSEXT_NAMETYPE_host_name);
	if (n->sni)
		assert_string_equal(sni, n->sni);
	else
		assert_null(sni);
	client_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
	cfg_config_unref(config);
}

static void test_namings(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(namings); i++)
		check_naming(&namings[i]);
}

static void test_wildcards(void **state)
{
	struct identity any = make_named("server", "DNS:*.a.example", &ca);
	SSL_CTX *server = peer_server_context(&any);

	(void)state;
	for (int allowed = 0; allowed < 2; allowed++) {
		struct cfg_config *config =
			config_of(allowed ? "[c:default]\nverify_certificate=1\nverify_name_wildcard=yes\n"
					  : "[c:default]\nverify_certificate=1\n");
		SSL_CTX *ours = our_context(client_domain(config));
		struct client c;

		client_open(&c, ours, server);
		assert_int_equal(cfg_client_prepare(
					 ktls_handshake_ssl(c.ours), client_domain(config), "sip.a.example"),
			0);
		assert_int_equal(client_run(&c), allowed ? KTLS_HANDSHAKE_DONE : KTLS_HANDSHAKE_FAILED);
		client_close(&c);
		SSL_CTX_free(ours);
		cfg_config_unref(config);
	}
	SSL_CTX_free(server);
	free_identity(&any);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {".", "a b", ".a.example", "a..b", "a.example..", "*.example",
		"b\xc3\xbc.example", "[]", "[::1", "a:1"};
	struct cfg_config *config = config_of("[c:default]\nserver_name=c.example\n");
	SSL_CTX *ours = our_context(client_domain(config));
	char name[KTLS_NAME_MAX + 3];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[KTLS_NAME_MAX + 2] = '\0';
	for (unsigned i = 0; i <= COUNT(bad); i++) {
		SSL *ssl = SSL_new(ours);

		assert_int_equal(
			cfg_client_prepare(ssl, client_domain(config), i < COUNT(bad) ? bad[i] : name),
			-EINVAL);
		assert_null(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
		SSL_free(ssl);
	}
	SSL_CTX_free(ours);
	cfg_config_unref(config);
}

/* Of client domains only; what a modparam says of all is no mistake of a server's. */
static void test_attributes(void **state)
{
	struct cfg_config *config =
		config_of("[s:any]\nserver_name=a\nverify_name=0\n[c:any]\nverify_name=0\n");

	(void)state;
	assert_true(
		said(&warnings, "tls.cfg:3: [server:any]: verify_name: has no meaning for connections that "
				"come in"));
	assert_int_equal(warnings.count, 1);
	assert_int_equal(domain_at(config, 4)->verify_name, 0);
	cfg_config_unref(config);
	config = config_of("[s:any]\n[c:any]\n");
	assert_int_equal(domain_at(config, 2)->verify_name, 1);
	assert_int_equal(domain_at(config, 2)->verify_name_wildcard, 0);
	cfg_config_unref(config);
	hear_nothing();
	config = cfg_config_new(main_config);
	assert_int_equal(cfg_add_param(config, "verify_name", "0", &errors), 0);
	assert_int_equal(cfg_parse_text(config, "tls.cfg", "[s:any]\n[c:any]\n", 16, &errors), 0);
	assert_int_equal(cfg_config_finish(config, &errors, &warnings), 0);
	assert_int_equal(domain_at(config, 2)->verify_name, 0);
	assert_int_equal(warnings.count, 0);
	cfg_config_unref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namings),
		cmocka_unit_test(test_wildcards),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_attributes),
	};

	return cmocka_run_group_tests_name("cfg_client", tests, set_up, clean_up);
}
