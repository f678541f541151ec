/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is shown with a certificate: the chain in its file, or what the trusted CAs add to it. */
#include "folder.h"
#include "sets.h"

#include <openssl/x509.h>
#include <string.h>

enum {
	CHAIN_MAX = 4,
};

static struct identity root, middle, low, other, weak, under_weak, alone;

/* Signs it anew with a digest that OpenSSL finds too weak for its default level. */
static void weaken(struct identity *id, const struct identity *issuer)
{
	assert_true(X509_sign(id->cert, issuer->key, EVP_sha1()) > 0);
}

static int make_files(void **state)
{
	(void)state;
	root = make_authority("root", NULL);
	middle = make_authority("middle", &root);
	low = make_identity("EC", "low", &middle);
	other = make_identity("RSA", "other", &middle);
	weak = make_authority("weak", &root);
	weaken(&weak, &root);
	under_weak = make_identity("EC", "under weak", &weak);
	alone = make_identity("EC", "alone", NULL);
	sets_open_folder();
	folder_add_identity("cert.pem", &low);
	folder_add_identity("other.pem", &other);
	folder_add_identity("alone.pem", &alone);
	folder_add_identity("under-weak.pem", &under_weak);
	folder_add_identity("with-middle.pem", &low);
	folder_add_cert("with-middle.pem", middle.cert);
	folder_add_identity("with-both.pem", &low);
	folder_add_cert("with-both.pem", middle.cert);
	folder_add_cert("with-both.pem", root.cert);
	folder_add_cert("root.pem", root.cert);
	folder_add_cert("middle.pem", middle.cert);
	folder_add_cert("all.pem", root.cert);
	folder_add_cert("all.pem", middle.cert);
	folder_add_cert("weak-all.pem", root.cert);
	folder_add_cert("weak-all.pem", weak.cert);
	folder_add_crl("root.crl", &root, NULL, 3600);
	return 0;
}

static int free_files(void **state)
{
	struct identity *all[] = {&root, &middle, &low, &other, &weak, &under_weak, &alone};

	(void)state;
	sets_close_folder();
	for (unsigned i = 0; i < COUNT(all); i++)
		free_identity(all[i]);
	return 0;
}

static void check_chain(STACK_OF(X509) * seen, const struct identity *const chain[CHAIN_MAX])
{
	int count = 0;

	while (chain[count])
		count++;
	assert_int_equal(sk_X509_num(seen), count);
	for (int i = 0; i < count; i++)
		assert_int_equal(X509_cmp(sk_X509_value(seen, i), chain[i]->cert), 0);
}

static void check_server(
	const char *text, const char *algorithms, const struct identity *const chain[CHAIN_MAX])
{
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct cfg_set *set = set_of(text);
		SSL_CTX *client = client_context(version, NULL);
		struct connection c;

		assert_int_equal(warnings.count, 0);
		assert_int_equal(SSL_CTX_set1_sigalgs_list(client, algorithms), 1);
		connection_open_at(&c, set, NULL, client, NULL);
		connection_check(&c, 1, chain[0]);
		check_chain(SSL_get_peer_cert_chain(c.client), chain);
		connection_close(&c);
		SSL_CTX_free(client);
		cfg_set_unref(set);
	}
}

#define EC_ONLY    "ecdsa_secp256r1_sha256"
#define RSA_ONLY   "rsa_pss_rsae_sha256:rsa_pkcs1_sha256"
#define CHAIN(...) ((const struct identity *const[CHAIN_MAX]){__VA_ARGS__})

static void test_from_trusted_authorities(void **state)
{
	(void)state;
	check_server("[s:*]\nca_list=all.pem\n", EC_ONLY, CHAIN(&low, &middle));
	check_server("[s:*]\nca_list=middle.pem\n", EC_ONLY, CHAIN(&low, &middle)); /* as far as it goes */
	check_server("[s:*]\nca_list=root.pem\n", EC_ONLY, CHAIN(&low));
	check_server("[s:*]\n", EC_ONLY, CHAIN(&low));
	/* Who is revoked is the peers' business here. */
	check_server("[s:*]\nca_list=all.pem\ncrl=root.crl\n", EC_ONLY, CHAIN(&low, &middle));
}

static void test_both_certificates(void **state)
{
	static const char text[] = "[s:*]\nca_list=all.pem\ncertificate2=other.pem\n";

	(void)state;
	check_server(text, EC_ONLY, CHAIN(&low, &middle));
	check_server(text, RSA_ONLY, CHAIN(&other, &middle));
}

static void test_from_the_file(void **state)
{
	(void)state;
	check_server("[s:*]\ncertificate=with-middle.pem\n", EC_ONLY, CHAIN(&low, &middle));
	check_server("[s:*]\ncertificate=with-middle.pem\nca_list=all.pem\n", EC_ONLY, CHAIN(&low, &middle));
	check_server(
		"[s:*]\ncertificate=with-both.pem\nca_list=root.pem\n", EC_ONLY, CHAIN(&low, &middle, &root));
	/* One with a chain beside one without. */
	check_server("[s:*]\ncertificate=with-both.pem\ncertificate2=other.pem\nca_list=all.pem\n", EC_ONLY,
		CHAIN(&low, &middle, &root));
	check_server("[s:*]\ncertificate=with-both.pem\ncertificate2=other.pem\nca_list=all.pem\n", RSA_ONLY,
		CHAIN(&other, &middle));
}

static void test_self_signed(void **state)
{
	(void)state;
	check_server("[s:*]\ncertificate=alone.pem\n", EC_ONLY, CHAIN(&alone));
	check_server("[s:*]\ncertificate=alone.pem\nca_list=all.pem\n", EC_ONLY, CHAIN(&alone));
	check_server("[s:*]\ncertificate=alone.pem\nca_list=alone.pem\n", EC_ONLY, CHAIN(&alone));
}

/* OpenSSL 3.0 would end the connection for it in every handshake; 3.5 shows it. */
static void test_weak_authority(void **state)
{
	struct cfg_set *set = set_of("[s:*]\ncertificate=under-weak.pem\nca_list=weak-all.pem\n");
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct connection c;
	unsigned shown = !warnings.count;

	(void)state;
	if (!shown) {
		assert_int_equal(warnings.count, 1);
		assert_true(said(&warnings, "tls.cfg:3: [server:default]: ca_list: a CA certificate in it"));
		assert_true(said(&warnings, "ca md too weak"));
	}
	connection_open_at(&c, set, NULL, client, NULL);
	connection_check(&c, 1, &under_weak);
	check_chain(SSL_get_peer_cert_chain(c.client), CHAIN(&under_weak, shown ? &weak : NULL));
	connection_close(&c);
	SSL_CTX_free(client);
	cfg_set_unref(set);
}

/* Our client shows its chain to a server that asks, and that knows only the root. */
static void test_client(void **state)
{
	struct cfg_set *set = set_of("[c:*]\ncertificate=cert.pem\nca_list=all.pem\n");
	SSL_CTX *ours = cfg_set_client_context(set, NULL, NULL, NULL);
	STACK_OF(X509) *chain = NULL;

	(void)state;
	assert_true(SSL_CTX_get_mode(ours) & SSL_MODE_NO_AUTO_CHAIN);
	assert_int_equal(SSL_CTX_get0_chain_certs(ours, &chain), 1);
	check_chain(chain, CHAIN(&middle));
	cfg_set_unref(set);
}

/* What selects and commands call the domain's certificate is the one that was loaded last, as ever. */
static void test_current_stays(void **state)
{
	struct cfg_set *set = set_of("[s:*]\nca_list=all.pem\ncertificate=other.pem\ncertificate2=cert.pem\n"
				     "[s:192.0.2.1:5061]\nca_list=all.pem\ncertificate2=other.pem\n");

	(void)state;
	assert_int_equal(X509_cmp(SSL_CTX_get0_certificate(cfg_set_server_context(set, NULL)), low.cert), 0);
	assert_int_equal(
		X509_cmp(SSL_CTX_get0_certificate(cfg_set_server_context(set, address_of("192.0.2.1:5061"))),
			other.cert),
		0);
	cfg_set_unref(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_trusted_authorities),
		cmocka_unit_test(test_both_certificates),
		cmocka_unit_test(test_from_the_file),
		cmocka_unit_test(test_self_signed),
		cmocka_unit_test(test_weak_authority),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_current_stays),
	};

	return cmocka_run_group_tests_name("cfg_chain", tests, make_files, free_files);
}
