/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Certificates and keys of a domain: two of them, passwords, keys by URI, dates, clients. */
#include "folder.h"
#include "sets.h"

#include <stdlib.h>
#include <string.h>

static struct identity rsa, ec, ec2, old, early, root, friend_id;

static void set_dates(struct identity *id, long begin, long end)
{
	X509_gmtime_adj(X509_getm_notBefore(id->cert), begin);
	X509_gmtime_adj(X509_getm_notAfter(id->cert), end);
	assert_true(X509_sign(id->cert, id->key, EVP_sha256()) > 0);
}

static int make_files(void **state)
{
	(void)state;
	rsa = make_identity("RSA", "rsa", NULL);
	ec = make_identity("EC", "ec", NULL);
	ec2 = make_identity("EC", "ec2", NULL);
	old = make_identity("EC", "old", NULL);
	early = make_identity("EC", "early", NULL);
	root = make_authority("root", NULL);
	friend_id = make_identity("EC", "friend", &root);
	set_dates(&old, -7200, -3600);
	set_dates(&early, 3600, 7200);
	sets_open_folder();
	folder_add_identity("rsa.pem", &rsa);
	folder_add_identity("cert.pem", &ec);
	folder_add_identity("ec2.pem", &ec2);
	folder_add_identity("old.pem", &old);
	folder_add_identity("early.pem", &early);
	folder_add_identity("friend.pem", &friend_id);
	folder_add_cert("root.pem", root.cert);
	folder_add_cert("plain.pem", ec.cert);
	folder_add_key("secret.key", ec.key, "pass word");
	folder_add_old_key("secret-old.key", ec.key, "pass word");
	folder_add_key("rsa-secret.key", rsa.key, "second");
	folder_add_cert("rsa-plain.pem", rsa.cert);
	folder_add_text("text.pem", "no PEM at all\n");
	return 0;
}

static int free_files(void **state)
{
	struct identity *all[] = {&rsa, &ec, &ec2, &old, &early, &root, &friend_id};

	(void)state;
	sets_close_folder();
	for (unsigned i = 0; i < COUNT(all); i++)
		free_identity(all[i]);
	return 0;
}

static void check_shown(const struct cfg_set *set, int version, const char *suites, const char *algorithms,
	const struct identity *shown)
{
	SSL_CTX *client = client_context(version, suites);
	struct connection c;

	if (algorithms)
		assert_int_equal(SSL_CTX_set1_sigalgs_list(client, algorithms), 1);
	connection_open_at(&c, set, NULL, client, NULL);
	connection_check(&c, 1, shown);
	connection_close(&c);
	SSL_CTX_free(client);
}

/* The client's algorithms decide which of the two it sees. */
static void test_two_certificates(void **state)
{
	struct cfg_set *set = set_of("[s:*]\ncertificate2=rsa.pem\n");

	(void)state;
	check_shown(set, TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", NULL, &rsa);
	check_shown(set, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL, &ec);
	check_shown(set, TLS1_3_VERSION, NULL, "rsa_pss_rsae_sha256", &rsa);
	check_shown(set, TLS1_3_VERSION, NULL, "ecdsa_secp256r1_sha256", &ec);
	cfg_set_unref(set);
	set = set_of(
		"[s:*]\ncertificate=rsa-plain.pem\nprivate_key=rsa-secret.key\nprivate_key_password=second\n"
		"certificate2=plain.pem\nprivate_key2=secret.key\nprivate_key_password2=\"pass word\"\n");
	check_shown(set, TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", NULL, &rsa);
	check_shown(set, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL, &ec);
	cfg_set_unref(set);
}

static void refuse(const char *text, const char *sentence)
{
	refuse_set(text);
	if (!said(&errors, sentence))
		fail_msg("'%s' is not about '%s'", errors.list[0].text, sentence);
	assert_int_equal(errors.count, 1);
}

static void test_second_refused(void **state)
{
	(void)state;
	refuse("[s:*]\ncertificate2=ec2.pem\n", "tls.cfg:2: [server:default]: certificate2: ");
	assert_true(said(&errors, "a key of the same type"));
	refuse("[s:*]\nprivate_key2=ec2.pem\n", "private_key2: is set without the certificate");
	refuse("[s:*]\ncertificate2=rsa.pem\nprivate_key2=ec2.pem\n", "private_key2: the key in '");
	assert_true(said(&errors, "does not belong to the certificate"));
}

static void test_passwords(void **state)
{
	static const char *const keys[] = {"secret.key", "secret-old.key"};
	char text[256];

	(void)state;
	for (unsigned i = 0; i < COUNT(keys); i++) {
		struct cfg_set *set;

		snprintf(text, sizeof(text),
			"[s:*]\ncertificate=plain.pem\nprivate_key=%s\npkey_password=\"pass word\"\n",
			keys[i]);
		set = set_of(text);
		check_shown(set, TLS1_3_VERSION, NULL, NULL, &ec);
		cfg_set_unref(set);
		snprintf(text, sizeof(text),
			"[s:*]\ncertificate=plain.pem\nprivate_key=%s\npkey_password=wrong\n", keys[i]);
		refuse(text, "tls.cfg:4: [server:default]: private_key_password: does not open '");
		assert_false(said(&errors, "wrong"));
		snprintf(text, sizeof(text), "[s:*]\ncertificate=plain.pem\nprivate_key=%s\n", keys[i]);
		refuse(text, "private_key: '");
		assert_true(said(&errors, "is encrypted; set its password"));
	}
	/* One that is not needed does no harm. */
	cfg_set_unref(set_of("[s:*]\npkey_password=unused\n"));
}

/* Keys that OSSL_STORE finds; a file: URI stands for what a provider would know. */
static void test_uris(void **state)
{
	char *plain = folder_path("cert.pem"), *secret = folder_path("secret.key");
	struct cfg_set *set;
	char text[512];

	(void)state;
	snprintf(text, sizeof(text), "[s:*]\ncertificate=plain.pem\nprivate_key=/uri:file:%s\n", plain);
	set = set_of(text);
	check_shown(set, TLS1_3_VERSION, NULL, NULL, &ec);
	cfg_set_unref(set);
	snprintf(text, sizeof(text),
		"[s:*]\ncertificate=plain.pem\nprivate_key=/uri:file:%s\nprivate_key_password=\"pass "
		"word\"\n",
		secret);
	set = set_of(text);
	check_shown(set, TLS1_2_VERSION, NULL, NULL, &ec);
	cfg_set_unref(set);
	snprintf(text, sizeof(text), "[s:*]\ncertificate=plain.pem\nprivate_key=/uri:file:%s\n", secret);
	refuse(text, "is encrypted");
	snprintf(text, sizeof(text), "[s:*]\ncertificate=rsa-plain.pem\nprivate_key=/uri:file:%s\n", plain);
	refuse(text, "does not belong");
	refuse("[s:*]\nprivate_key=/uri:file:/nowhere/key.pem\n", "'/uri:file:/nowhere/key.pem' leads to no");
	refuse("[s:*]\nprivate_key=\"/uri:none-such:object=a?pin-value=1234\"\n",
		"'/uri:none-such:object=a' leads to no private key");
	assert_false(said(&errors, "1234"));
	free(plain);
	free(secret);
}

static void test_dates(void **state)
{
	(void)state;
	cfg_set_unref(set_of("[s:*]\ncertificate=old.pem\n"));
	assert_int_equal(warnings.count, 1);
	assert_true(said(&warnings, "tls.cfg:2: [server:default]: certificate: '"));
	assert_true(said(&warnings, "old.pem' is no longer valid since "));
	cfg_set_unref(set_of("[s:*]\ncertificate=early.pem\n"));
	assert_int_equal(warnings.count, 1);
	assert_true(said(&warnings, "early.pem' is not valid yet, only from "));
	cfg_set_unref(set_of("[s:*]\n"));
	assert_int_equal(warnings.count, 0);
}

/* Our client's handshake with a server that asks for a certificate. */
static int connects(const struct cfg_set *set, const char *remote, SSL_CTX *server, int *shown)
{
	struct ktls_handshake *h =
		ktls_handshake_new(cfg_set_client_context(set, NULL, address_of(remote), NULL), KTLS_CLIENT);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	SSL *peer = SSL_new(server);
	uint8_t bytes[KTLS_MAX_RECORD];
	const uint8_t *p;
	size_t len, want;
	int works;

	assert_true(h && in && out && peer);
	assert_int_equal(cfg_ssl_attach(ktls_handshake_ssl(h), NULL), 0);
	BIO_set_mem_eof_return(in, -1);
	BIO_set_mem_eof_return(out, -1);
	SSL_set_bio(peer, in, out);
	SSL_set_accept_state(peer);
	ktls_handshake_start(h);
	for (int i = 0; i < 100; i++) {
		p = ktls_handshake_output(h, &len);
		if (len)
			assert_int_equal(BIO_write(in, p, (int)len), len);
		ktls_handshake_sent(h, len);
		SSL_do_handshake(peer);
		want = ktls_handshake_want(h);
		if (want && BIO_pending(out) > 0)
			ktls_handshake_feed(h, bytes, (size_t)BIO_read(out, bytes, (int)want));
	}
	works = !ktls_handshake_want(h) && !*ktls_handshake_error(h) && SSL_is_init_finished(peer);
	*shown = SSL_get0_peer_certificate(peer) != NULL;
	ktls_handshake_free(h);
	SSL_free(peer);
	return works;
}

static void test_clients(void **state)
{
	struct cfg_set *set = set_of("[c:*]\nverify_certificate=1\nca_list=root.pem\n"
				     "[c:192.0.2.1:5061]\ncertificate=cert.pem\n"
				     "[c:192.0.2.2:5061]\nverify_certificate=1\nca_list=root.pem\n"
				     "certificate=cert.pem\n");
	SSL_CTX *trusted = peer_server_context(&friend_id), *strange = peer_server_context(&rsa);
	int shown;

	(void)state;
	SSL_CTX_set_verify(trusted, SSL_VERIFY_PEER, NULL);
	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(trusted), ec.cert), 1);
	assert_int_equal(connects(set, NULL, trusted, &shown), 1);
	assert_int_equal(shown, 0);
	assert_int_equal(connects(set, "192.0.2.2:5061", trusted, &shown), 1);
	assert_int_equal(shown, 1);
	assert_int_equal(connects(set, NULL, strange, &shown), 0);
	assert_int_equal(connects(set, "192.0.2.2:5061", strange, &shown), 0);
	assert_int_equal(connects(set, "192.0.2.1:5061", strange, &shown), 1);
	SSL_CTX_free(trusted);
	SSL_CTX_free(strange);
	cfg_set_unref(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_certificates),
		cmocka_unit_test(test_second_refused),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_uris),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_clients),
	};

	return cmocka_run_group_tests_name("cfg_identity", tests, make_files, free_files);
}
