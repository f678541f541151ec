/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of contexts: the ClientHello's name chooses the domain, and all of the domain is in force then. */
#include "folder.h"
#include "sets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct identity first, second, third, root, middle, low, friend_id;

#define FIRST  "certificate=first.pem\n"
#define SECOND "certificate=second.pem\n"
#define THIRD  "certificate=third.pem\n"

static int make_files(void **state)
{
	(void)state;
	first = make_identity("EC", "first", NULL);
	second = make_identity("EC", "second", NULL);
	third = make_identity("RSA", "third", NULL);
	root = make_authority("root", NULL);
	middle = make_authority("middle", &root);
	low = make_identity("EC", "low", &middle);
	friend_id = make_identity("EC", "friend", &root);
	sets_open_folder();
	folder_add_identity("first.pem", &first);
	folder_add_identity("second.pem", &second);
	folder_add_identity("third.pem", &third);
	folder_add_cert("root.pem", root.cert);
	folder_add_cert("others.pem", first.cert);
	folder_add_cert("others.pem", second.cert);
	return 0;
}

static int free_files(void **state)
{
	(void)state;
	sets_close_folder();
	free_identity(&first);
	free_identity(&second);
	free_identity(&third);
	free_identity(&root);
	free_identity(&middle);
	free_identity(&low);
	free_identity(&friend_id);
	return 0;
}

static void test_certificates(void **state)
{
	struct cfg_set *set = set_of("[s:*]\n" FIRST "[s:192.0.2.1:5061]\n" SECOND
				     "[s:192.0.2.1:5061]\nserver_name=third.example\n" THIRD
				     "[s:any]\nserver_name=example.org\nserver_name_mode=2\n" THIRD);

	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		check_chosen(set, "192.0.2.9:5061", version, NULL, 1, &first);
		check_chosen(set, "192.0.2.9:5061", version, "third.example", 1, &first);
		check_chosen(set, "192.0.2.9:5061", version, "a.example.org", 8, &third);
		check_chosen(set, "192.0.2.9:5061", version, "example.org", 1, &first);
		check_chosen(set, "192.0.2.1:5061", version, NULL, 3, &second);
		check_chosen(set, "192.0.2.1:5061", version, "Third.Example", 5, &third);
		check_chosen(set, "192.0.2.1:5061", version, "unknown.example", 3, &second);
		check_chosen(set, NULL, version, "a.example.org", 8, &third);
	}
	cfg_set_unref(set);
}

/* Without its address a connection has that of the context it was made from. */
static void test_address_of_the_context(void **state)
{
	struct cfg_set *set = set_of("[s:*]\n" FIRST "[s:192.0.2.1:5061]\n" SECOND
				     "[s:192.0.2.1:5061]\nserver_name=third.example\n" THIRD);
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct connection c;

	(void)state;
	connection_open(&c, cfg_set_server_context(set, address_of("192.0.2.1:5061")), client);
	assert_int_equal(cfg_ssl_attach(ktls_handshake_ssl(c.server), NULL), 0);
	SSL_set_tlsext_host_name(c.client, "third.example");
	connection_check(&c, 5, &third);
	connection_close(&c);
	SSL_CTX_free(client);
	cfg_set_unref(set);
}

static void test_attach_refuses(void **state)
{
	static const struct sockaddr local = {.sa_family = AF_UNIX};
	struct cfg_set *set = set_of("[s:*]\n" FIRST);
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct connection c;
	SSL *ssl;

	(void)state;
	connection_open(&c, cfg_set_server_context(set, NULL), client);
	ssl = ktls_handshake_ssl(c.server);
	assert_int_equal(cfg_ssl_attach(c.client, NULL), -EINVAL); /* its context is of no set */
	assert_null(cfg_context_domain(client));
	assert_int_equal(cfg_ssl_attach(ssl, &local), -EINVAL);
	assert_int_equal(cfg_ssl_attach(ssl, NULL), 0);
	assert_int_equal(cfg_ssl_attach(ssl, NULL), -EINVAL); /* is attached */
	connection_close(&c);
	SSL_CTX_free(client);
	cfg_set_unref(set);
}

/* Nobody who forgot to attach serves the wrong domain. */
static void test_not_attached(void **state)
{
	struct cfg_set *set = set_of("[s:*]\n" FIRST);
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct connection c;

	(void)state;
	connection_open(&c, cfg_set_server_context(set, NULL), client);
	assert_int_equal(connection_works(&c), 0);
	assert_int_equal(c.client_alert, SSL_AD_INTERNAL_ERROR);
	connection_close(&c);
	SSL_CTX_free(client);
	cfg_set_unref(set);
}

/* Each way: from a narrow range to another and back. */
static void test_versions(void **state)
{
	struct cfg_set *set = set_of("[s:*]\nmethod=TLSv1.2\n" FIRST "[s:any]\nmethod=TLSv1.3\n"
				     "server_name=new.example\n" SECOND);
	static const struct {
		int version, works;
		const char *name;
	} cases[] = {
		{TLS1_2_VERSION, 1, NULL},
		{TLS1_3_VERSION, 0, NULL},
		{TLS1_2_VERSION, 0, "new.example"},
		{TLS1_3_VERSION, 1, "new.example"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		SSL_CTX *client = client_context(cases[i].version, NULL);
		struct connection c;

		connection_open_at(&c, set, NULL, client, cases[i].name);
		assert_int_equal(connection_works(&c), cases[i].works);
		assert_int_equal(chosen_line(&c), cases[i].name ? 4 : 1);
		connection_close(&c);
		SSL_CTX_free(client);
	}
	cfg_set_unref(set);
}

static void check_suite(const struct cfg_set *set, int version, const char *name, const char *suite)
{
	SSL_CTX *client = client_context(version, NULL);
	struct connection c;

	connection_open_at(&c, set, NULL, client, name);
	assert_int_equal(connection_works(&c), 1);
	assert_string_equal(SSL_get_cipher_name(c.client), suite);
	connection_close(&c);
	SSL_CTX_free(client);
}

static void test_suites(void **state)
{
	struct cfg_set *set = set_of(
		"[s:*]\ncipher_list=ECDHE-ECDSA-AES128-GCM-SHA256\nciphersuites=TLS_AES_128_GCM_"
		"SHA256\n" FIRST "[s:any]\nserver_name=a.example\ncipher_list=ECDHE-ECDSA-CHACHA20-POLY1305\n"
		"ciphersuites=TLS_CHACHA20_POLY1305_SHA256\n" SECOND
		"[s:any]\nserver_name=b.example\n" SECOND);

	(void)state;
	check_suite(set, TLS1_2_VERSION, NULL, "ECDHE-ECDSA-AES128-GCM-SHA256");
	check_suite(set, TLS1_2_VERSION, "a.example", "ECDHE-ECDSA-CHACHA20-POLY1305");
	check_suite(set, TLS1_2_VERSION, "b.example", "ECDHE-ECDSA-AES256-GCM-SHA384");
	check_suite(set, TLS1_3_VERSION, NULL, "TLS_AES_128_GCM_SHA256");
	check_suite(set, TLS1_3_VERSION, "a.example", "TLS_CHACHA20_POLY1305_SHA256");
	check_suite(set, TLS1_3_VERSION, "b.example", "TLS_AES_256_GCM_SHA384");
	cfg_set_unref(set);
}

static void test_security_level(void **state)
{
	struct cfg_set *set = set_of("[s:*]\ncipher_list=ALL:@SECLEVEL=1\n" FIRST
				     "[s:any]\nserver_name=a.example\ncipher_list=ALL:@SECLEVEL=3\n" SECOND);
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct connection c;

		connection_open_at(&c, set, NULL, client, i ? "a.example" : NULL);
		assert_int_equal(connection_works(&c), 1);
		assert_int_equal(SSL_get_security_level(ktls_handshake_ssl(c.server)), i ? 3 : 1);
		connection_close(&c);
	}
	SSL_CTX_free(client);
	cfg_set_unref(set);
}

/* The client's certificate: whether it is asked for, of whom, and how far up is looked. */
static int client_works(const struct cfg_set *set, const char *name, const struct identity *id,
	const struct identity *issuer, int *names_asked)
{
	int works = 1;

	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *client = client_context(version, NULL);
		const STACK_OF(X509_NAME) * names;
		struct connection c;

		if (id)
			use_identity(client, id);
		if (issuer)
			assert_int_equal(SSL_CTX_add1_chain_cert(client, issuer->cert), 1);
		connection_open_at(&c, set, NULL, client, name);
		works &= connection_works(&c);
		names = SSL_get0_peer_CA_list(c.client);
		*names_asked = names ? sk_X509_NAME_num(names) : 0;
		if (works && !SSL_get0_peer_certificate(ktls_handshake_ssl(c.server)))
			*names_asked = -1;
		connection_close(&c);
		SSL_CTX_free(client);
	}
	return works;
}

static void test_verification(void **state)
{
	struct cfg_set *set = set_of("[s:*]\n" FIRST "[s:any]\nserver_name=strict.example\n"
				     "require_certificate=1\nca_list=root.pem\n" SECOND
				     "[s:any]\nserver_name=shallow.example\nrequire_certificate=1\n"
				     "ca_list=root.pem\nverify_depth=0\n" SECOND
				     "[s:any]\nserver_name=other.example\nverify_certificate=1\n"
				     "ca_list=others.pem\n" SECOND);
	int names;

	(void)state;
	assert_int_equal(client_works(set, NULL, &friend_id, NULL, &names), 1);
	assert_int_equal(names, -1); /* nobody asked */
	assert_int_equal(client_works(set, "strict.example", &friend_id, NULL, &names), 1);
	assert_int_equal(names, 1);
	assert_int_equal(client_works(set, "strict.example", NULL, NULL, &names), 0);
	assert_int_equal(client_works(set, "strict.example", &first, NULL, &names), 0);
	assert_int_equal(client_works(set, "strict.example", &low, &middle, &names), 1);
	assert_int_equal(client_works(set, "shallow.example", &friend_id, NULL, &names), 1);
	assert_int_equal(client_works(set, "shallow.example", &low, &middle, &names), 0);
	assert_int_equal(client_works(set, "other.example", NULL, NULL, &names), 1);
	assert_int_equal(client_works(set, "other.example", &first, NULL, &names), 1);
	assert_int_equal(names, 2);
	assert_int_equal(client_works(set, "other.example", &friend_id, NULL, &names), 0);
	cfg_set_unref(set);
}

/* From a strict default to a domain that asks for nothing, or takes anything. */
static void test_verification_off(void **state)
{
	struct cfg_set *set =
		set_of("[s:*]\nrequire_certificate=1\nca_list=root.pem\nverify_depth=0\n" FIRST
		       "[s:any]\nserver_name=open.example\n" SECOND
		       "[s:any]\nserver_name=any.example\nverify_client=optional_no_ca\n" SECOND);
	int names;

	(void)state;
	assert_int_equal(client_works(set, NULL, NULL, NULL, &names), 0);
	assert_int_equal(client_works(set, "open.example", NULL, NULL, &names), 1);
	assert_int_equal(client_works(set, "any.example", NULL, NULL, &names), 1);
	assert_int_equal(client_works(set, "any.example", &low, &middle, &names), 1);
	assert_int_equal(names, 0); /* of anybody */
	cfg_set_unref(set);
}

static int one_group(SSL_CTX *ctx, const struct cfg_domain *d, void *arg, struct cfg_error *e)
{
	(void)d;
	(void)e;
	++*(int *)arg;
	return SSL_CTX_set1_groups_list(ctx, "P-256") == 1 ? 0 : -1;
}

/* A HelloRetryRequest brings a second ClientHello, which must ask for the same server. */
static void test_retry(void **state)
{
	int built = 0;
	struct cfg_set *set = set_with("[s:*]\n" FIRST "[s:any]\nserver_name=b.example\n" SECOND,
		&(struct cfg_build){.kinds = 1u << CFG_SERVER, .built = one_group, .arg = &built});

	(void)state;
	assert_int_equal(built, 2);
	for (int changes = 0; changes < 2; changes++) {
		SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
		struct connection c;

		SSL_CTX_set1_groups_list(client, "X25519:P-256");
		connection_open_at(&c, set, NULL, client, changes ? NULL : "b.example");
		connection_client_turn(&c);
		assert_true(connection_server_turn(&c) > 0);
		assert_int_equal(chosen_line(&c), changes ? 1 : 3);
		if (changes)
			SSL_set_tlsext_host_name(c.client, "b.example");
		assert_int_equal(connection_works(&c), !changes);
		assert_int_equal(chosen_line(&c), changes ? 1 : 3);
		connection_close(&c);
		SSL_CTX_free(client);
	}
	cfg_set_unref(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_address_of_the_context),
		cmocka_unit_test(test_attach_refuses),
		cmocka_unit_test(test_not_attached),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_security_level),
		cmocka_unit_test(test_verification),
		cmocka_unit_test(test_verification_off),
		cmocka_unit_test(test_retry),
	};

	return cmocka_run_group_tests_name("cfg_set", tests, make_files, free_files);
}
