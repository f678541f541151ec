/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of contexts: tickets stay in their domain, sets live as long as they are used, all problems are told.
 */
#include "folder.h"
#include "sets.h"

#include <stdlib.h>
#include <string.h>

static struct identity id, root;

static int make_files(void **state)
{
	(void)state;
	id = make_identity("EC", "server", NULL);
	root = make_authority("root", NULL);
	sets_open_folder();
	folder_add_identity("cert.pem", &id);
	folder_add_cert("root.pem", root.cert);
	folder_add_crl("root.crl", &root, NULL, 3600);
	return 0;
}

static int free_files(void **state)
{
	(void)state;
	sets_close_folder();
	free_identity(&id);
	free_identity(&root);
	return 0;
}

static SSL_SESSION *session_from(const struct cfg_set *set, SSL_CTX *client, const char *name)
{
	struct ktls_session_keys keys;
	SSL_SESSION *session;
	struct connection c;

	connection_open_at(&c, set, NULL, client, name);
	connection_establish(&c, &keys);
	connection_talk(&c, &keys); /* TLS 1.3 tickets arrive meanwhile */
	session = SSL_get1_session(c.client);
	assert_true(SSL_SESSION_is_resumable(session));
	connection_close(&c);
	return session;
}

static int resumes(const struct cfg_set *set, SSL_CTX *client, const char *name, SSL_SESSION *session)
{
	struct connection c;
	int reused;

	connection_open_at(&c, set, NULL, client, name);
	assert_int_equal(SSL_set_session(c.client, session), 1);
	assert_int_equal(connection_works(&c), 1);
	reused = SSL_session_reused(ktls_handshake_ssl(c.server));
	assert_string_equal(
		SSL_get_servername(ktls_handshake_ssl(c.server), TLSEXT_NAMETYPE_host_name), name);
	connection_close(&c);
	return reused;
}

/* The client's certificate is not looked at again when a session is resumed, so the domain must be the same.
 */
static void test_tickets_stay_in_their_domain(void **state)
{
	static const char *const names[] = {"a.example", "b.example", "c.example", "x.example"};
	struct cfg_set *set =
		set_of("[s:*]\n[s:any]\nserver_name=a.example\n"
		       "[s:any]\nserver_name=b.example\n"
		       "[s:any]\nserver_name=c.example\nverify_certificate=1\nca_list=root.pem\n");

	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *client = client_context(version, NULL);

		for (unsigned i = 0; i < COUNT(names); i++)
			for (unsigned j = 0; j < COUNT(names); j++) {
				SSL_SESSION *session = session_from(set, client, names[i]);

				assert_int_equal(resumes(set, client, names[j], session), i == j);
				SSL_SESSION_free(session);
			}
		SSL_CTX_free(client);
	}
	cfg_set_unref(set);
}

/* A session of one server, brought to another with the same ticket keys, as after a reload or in another
 * engine. */
static int resumes_across(const char *before, const char *after, int version)
{
	struct cfg_set *a = set_of(before), *b = set_of(after);
	SSL_CTX *client = client_context(version, NULL);
	SSL_SESSION *session;
	unsigned char keys[80];
	long len = SSL_CTX_get_tlsext_ticket_keys(cfg_set_server_context(a, NULL), NULL, 0);
	int reused;

	assert_true(len > 0 && (size_t)len <= sizeof(keys));
	SSL_CTX_get_tlsext_ticket_keys(cfg_set_server_context(a, NULL), keys, len);
	SSL_CTX_set_tlsext_ticket_keys(cfg_set_server_context(b, NULL), keys, len);
	session = session_from(a, client, "a.example");
	reused = resumes(b, client, "a.example", session);
	SSL_SESSION_free(session);
	SSL_CTX_free(client);
	cfg_set_unref(a);
	cfg_set_unref(b);
	return reused;
}

static void test_tickets_and_trust(void **state)
{
	static const struct {
		const char *before, *after;
		int resumes;
	} cases[] = {
		{"[s:*]\n", "[s:*]\n", 1},
		{"[s:*]\n", "[s:*]\ncipher_list=ALL\n", 1},
		{"[s:*]\n", "[s:*]\nverify_certificate=1\nca_list=root.pem\n", 0},
		{"[s:*]\nverify_certificate=1\nca_list=root.pem\n",
			"[s:*]\nverify_certificate=1\nca_list=root.pem\n", 1},
		{"[s:*]\nverify_certificate=1\nca_list=root.pem\n",
			"[s:*]\nverify_certificate=1\nca_list=cert.pem\n", 0},
		{"[s:*]\nverify_certificate=1\nca_list=root.pem\n",
			"[s:*]\nverify_certificate=1\nca_list=root.pem\ncrl=root.crl\n", 0},
		{"[s:*]\nverify_certificate=1\nca_list=root.pem\n",
			"[s:*]\nverify_certificate=1\nca_list=root.pem\nverify_depth=0\n", 0},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++)
		for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
			assert_int_equal(
				resumes_across(cases[i].before, cases[i].after, version), cases[i].resumes);
}

static int frees;

static void count_free(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	(void)parent;
	(void)data;
	(void)index;
	(void)argl;
	(void)argp;
	frees += ptr != NULL;
}

static int mark(SSL_CTX *ctx, const struct cfg_domain *d, void *arg, struct cfg_error *e)
{
	(void)d;
	(void)e;
	return SSL_CTX_set_ex_data(ctx, *(int *)arg, arg) == 1 ? 0 : -1;
}

/* A reload in the middle of a handshake: the old set goes with the last connection that came in under it. */
static void test_lifetime(void **state)
{
	int index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, count_free);
	struct cfg_set *set = set_with("[s:*]\n[s:any]\nserver_name=a.example\n",
		&(struct cfg_build){.kinds = 1u << CFG_SERVER, .built = mark, .arg = &index});
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct connection c, other;

	(void)state;
	frees = 0;
	connection_open_at(&c, set, NULL, client, "a.example");
	connection_open_at(&other, set, NULL, client, NULL);
	assert_ptr_equal(cfg_set_ref(set), set);
	cfg_set_unref(set);
	cfg_set_unref(set);
	connection_close(&other);
	assert_int_equal(frees, 0);
	assert_int_equal(connection_works(&c), 1);
	assert_int_equal(chosen_line(&c), 2);
	connection_close(&c);
	assert_int_equal(frees, 2);
	SSL_CTX_free(client);
}

/* As a client's connection keeps its own. A copy is nobody's, and frees nothing twice. */
static void test_lifetime_of_a_client(void **state)
{
	int index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, count_free);
	struct cfg_set *set = set_with(
		"[c:*]\n", &(struct cfg_build){.kinds = 1u << CFG_CLIENT, .built = mark, .arg = &index});
	SSL *ssl = SSL_new(cfg_set_client_context(set, NULL, NULL, NULL)), *copy;

	(void)state;
	frees = 0;
	assert_non_null(ssl);
	assert_int_equal(cfg_ssl_attach(ssl, NULL), 0);
	copy = SSL_dup(ssl);
	assert_non_null(copy);
	cfg_set_unref(set);
	SSL_free(copy);
	assert_int_equal(frees, 0);
	assert_int_equal(cfg_context_domain(SSL_get_SSL_CTX(ssl))->kind, CFG_CLIENT);
	SSL_free(ssl);
	assert_int_equal(frees, 1);
}

static int no_tickets(SSL_CTX *ctx, const struct cfg_domain *d, void *arg, struct cfg_error *e)
{
	(void)e;
	if (d->line == *(unsigned *)arg)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	return 0;
}

/* An option of either domain is in force there and not in the other. */
static void test_options(void **state)
{
	SSL_CTX *client = client_context(TLS1_2_VERSION, NULL);

	(void)state;
	for (unsigned line = 1; line < 3; line++) {
		struct cfg_set *set = set_with("[s:*]\n[s:any]\nserver_name=a.example\n",
			&(struct cfg_build){.kinds = 1u << CFG_SERVER, .built = no_tickets, .arg = &line});

		for (unsigned chosen = 1; chosen < 3; chosen++) {
			struct connection c;

			connection_open_at(&c, set, NULL, client, chosen == 1 ? NULL : "a.example");
			assert_int_equal(connection_works(&c), 1);
			assert_int_equal(chosen_line(&c), chosen);
			assert_int_equal(SSL_SESSION_has_ticket(SSL_get_session(c.client)), chosen != line);
			connection_close(&c);
		}
		cfg_set_unref(set);
	}
	SSL_CTX_free(client);
}

static int refuse_second(SSL_CTX *ctx, const struct cfg_domain *d, void *arg, struct cfg_error *e)
{
	(void)ctx;
	(void)arg;
	return d->server_name ? cfg_fail(e, "no ticket keys") : 0;
}

static void test_hook_fails(void **state)
{
	struct cfg_config *config = config_of("[s:*]\n[s:any]\nserver_name=a.example\n");

	(void)state;
	assert_null(cfg_build_set(config,
		&(struct cfg_build){.kinds = 1u << CFG_SERVER, .built = refuse_second}, &errors, &warnings));
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.list[0].text, "[server:any]: no ticket keys");
	cfg_config_unref(config);
}

/* Each problem of each domain, with its line. */
static void test_all_problems(void **state)
{
	(void)state;
	refuse_set("[s:*]\ncertificate=none.pem\nca_list=none.pem\ncipher_list=NONE\n"
		   "[s:any]\nserver_name=a.example\n[s:192.0.2.1:5061]\nca_path=none.d\ncrl=root.pem\n"
		   "ciphersuites=NONE\n[c:*]\nprivate_key=cert.pem\n");
	assert_int_equal(errors.count, 6);
	assert_true(said(&errors, "tls.cfg:2: [server:default]: certificate: cannot read"));
	assert_true(said(&errors, "tls.cfg:3: [server:default]: ca_list: cannot read"));
	assert_true(said(&errors, "tls.cfg:4: [server:default]: cipher_list: 'NONE' names no suite"));
	assert_true(said(&warnings, "tls.cfg:8: [server:192.0.2.1:5061]: ca_path: cannot read"));
	assert_true(said(&errors, "tls.cfg:9: [server:192.0.2.1:5061]: crl: '"));
	assert_true(said(&errors, "tls.cfg:10: [server:192.0.2.1:5061]: ciphersuites: 'NONE'"));
	assert_true(said(&errors, "tls.cfg:12: [client:default]: private_key: is set without"));
}

/* What several domains inherit is told once, and fails each of them all the same. */
static void test_inherited_problem(void **state)
{
	struct cfg_config *config = cfg_config_new(main_config);

	(void)state;
	hear_nothing();
	cfg_add_param(config, "ca_list", "none.pem", &errors);
	cfg_add_param(config, "ca_list", "192.0.2.2:5061=root.pem", &errors);
	cfg_add_param(config, "verify_depth", "192.0.2.1:5061=3", &errors);
	assert_int_equal(cfg_config_finish(config, &errors, &warnings), 0);
	assert_null(cfg_build_set(config, &(struct cfg_build){.kinds = 1u << CFG_SERVER | 1u << CFG_CLIENT},
		&errors, &warnings));
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.repeated, 2);
	assert_int_equal(strncmp(errors.list[0].text, "modparam: ca_list: cannot read '", 32), 0);
	cfg_config_unref(config);
}

/* Only the kinds that are wanted are built, so that the others' files do not matter. */
static void test_kinds(void **state)
{
	struct cfg_config *config = config_of("[s:*]\n[c:*]\nca_list=none.pem\n");
	struct cfg_set *set =
		cfg_build_set(config, &(struct cfg_build){.kinds = 1u << CFG_SERVER}, &errors, &warnings);

	(void)state;
	assert_non_null(set);
	assert_non_null(cfg_set_server_context(set, NULL));
	assert_null(cfg_set_client_context(set, NULL, NULL, NULL));
	cfg_set_unref(set);
	cfg_config_unref(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tickets_stay_in_their_domain),
		cmocka_unit_test(test_tickets_and_trust),
		cmocka_unit_test(test_lifetime),
		cmocka_unit_test(test_lifetime_of_a_client),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_hook_fails),
		cmocka_unit_test(test_all_problems),
		cmocka_unit_test(test_inherited_problem),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests_name("cfg_set_life", tests, make_files, free_files);
}
