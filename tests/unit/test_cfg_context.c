/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contexts built from files: good ones work, bad ones are refused with a sentence that helps. */
#include "connection.h"
#include "domains.h"
#include "folder.h"

#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct identity rsa, rsa2, ec, ca, friend_id;

static int make_files(void **state)
{
	(void)state;
	rsa = make_identity("RSA", "rsa", NULL);
	rsa2 = make_identity("RSA", "another rsa", NULL);
	ec = make_identity("EC", "ec", NULL);
	ca = make_identity("EC", "authority", NULL);
	friend_id = make_identity("EC", "friend", &ca);
	folder_open();
	folder_add_cert("rsa.pem", rsa.cert);
	folder_add_key("rsa.key", rsa.key, NULL);
	folder_add_key("rsa2.key", rsa2.key, NULL);
	folder_add_cert("ec.pem", ec.cert);
	folder_add_key("ec.key", ec.key, NULL);
	folder_add_cert("ca.pem", ca.cert);
	folder_add_cert("ca.pem", rsa.cert);
	folder_add_cert("chain.pem", friend_id.cert);
	folder_add_cert("chain.pem", ca.cert);
	folder_add_key("chain.pem", friend_id.key, NULL);
	folder_add_key("encrypted.key", rsa.key, "secret");
	folder_add_key("encrypted-empty.key", rsa.key, "");
	folder_add_old_key("encrypted-old.key", rsa.key, "secret");
	folder_add_cert("both.pem", rsa.cert);
	folder_add_key("both.pem", rsa.key, "secret");
	folder_add_cert("both-old.pem", rsa.cert);
	folder_add_old_key("both-old.pem", rsa.key, "secret");
	folder_add_encrypted_cert("encrypted.pem", rsa.cert, "secret");
	folder_add_text("garbage.pem", "-----BEGIN CERTIFICATE-----\nno, it is not\n"
				       "-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nnor is it\n"
				       "-----END PRIVATE KEY-----\n");
	folder_add_text("text.pem", "no PEM at all\n");
	folder_add_text("empty.pem", "");
	folder_add_folder("folder.pem");
	return 0;
}

static int free_files(void **state)
{
	(void)state;
	folder_close();
	free_identity(&rsa);
	free_identity(&rsa2);
	free_identity(&ec);
	free_identity(&ca);
	free_identity(&friend_id);
	return 0;
}

static void refuse_files(const char *certificate, const char *key, const char *ca_list, const char *param,
	const char *file, const char *reason)
{
	struct cfg_domain d = make_domain(certificate, key, ca_list);
	char *path = folder_path(file);

	build_refused(&d, param, path, reason);
	free(path);
}

static void check_good(const char *certificate, const char *key, const struct identity *shown)
{
	struct cfg_domain d = make_domain(certificate, key, NULL);
	SSL_CTX *ctx = build_good(&d);

	check_works(ctx, TLS1_2_VERSION, shown);
	check_works(ctx, TLS1_3_VERSION, shown);
	SSL_CTX_free(ctx);
	cfg_domain_clear(&d);
}

static void test_good_files(void **state)
{
	(void)state;
	check_good("rsa.pem", "rsa.key", &rsa);
	check_good("ec.pem", "ec.key", &ec);
	check_good("chain.pem", "chain.pem", &friend_id); /* the key behind the certificates */
}

/* All of the chain is sent, not the leaf alone. */
static void test_chain(void **state)
{
	struct cfg_domain d = make_domain("chain.pem", "chain.pem", NULL);
	SSL_CTX *ctx = build_good(&d);
	STACK_OF(X509) *extra = NULL;

	(void)state;
	assert_int_equal(SSL_CTX_get0_chain_certs(ctx, &extra), 1);
	assert_int_equal(sk_X509_num(extra), 1);
	assert_int_equal(X509_cmp(sk_X509_value(extra, 0), ca.cert), 0);
	SSL_CTX_free(ctx);
	cfg_domain_clear(&d);
}

static void test_certificate_refused(void **state)
{
	(void)state;
	refuse_files("missing.pem", "rsa.key", NULL, "certificate", "missing.pem", "No such file");
	refuse_files("folder.pem", "rsa.key", NULL, "certificate", "folder.pem", "not a file");
	refuse_files("empty.pem", "rsa.key", NULL, "certificate", "empty.pem", "empty");
	refuse_files("garbage.pem", "rsa.key", NULL, "certificate", "garbage.pem", "is damaged");
	refuse_files("text.pem", "rsa.key", NULL, "certificate", "text.pem", "is no PEM file");
	refuse_files("rsa.key", "rsa.key", NULL, "certificate", "rsa.key", "holds no certificate");
	refuse_files("encrypted.pem", "rsa.key", NULL, "certificate", "encrypted.pem", "is encrypted");
	refuse_files("new\nline", "rsa.key", NULL, "certificate", "new?line", "No such file");
}

static void test_key_refused(void **state)
{
	(void)state;
	refuse_files("rsa.pem", "missing.key", NULL, "private_key", "missing.key", "No such file");
	refuse_files("rsa.pem", "folder.pem", NULL, "private_key", "folder.pem", "not a file");
	refuse_files("rsa.pem", "empty.pem", NULL, "private_key", "empty.pem", "empty");
	refuse_files("rsa.pem", "garbage.pem", NULL, "private_key", "garbage.pem", "is damaged");
	refuse_files("rsa.pem", "text.pem", NULL, "private_key", "text.pem", "is no PEM file");
	refuse_files("rsa.pem", "rsa.pem", NULL, "private_key", "rsa.pem", "holds no private key");
}

static void test_key_of_another(void **state)
{
	static const char *const pairs[][2] = {{"rsa.pem", "rsa2.key"}, {"rsa.pem", "ec.key"},
		{"ec.pem", "rsa.key"}, {"chain.pem", "ec.key"}};

	(void)state;
	for (unsigned i = 0; i < COUNT(pairs); i++) {
		char *certificate = folder_path(pairs[i][0]);

		refuse_files(pairs[i][0], pairs[i][1], NULL, "private_key", pairs[i][1], "does not belong");
		refuse_files(pairs[i][0], pairs[i][1], NULL, "private_key", pairs[i][1], certificate);
		free(certificate);
	}
}

static void test_key_encrypted(void **state)
{
	(void)state;
	refuse_files("rsa.pem", "encrypted.key", NULL, "private_key", "encrypted.key", "is encrypted");
	refuse_files(
		"rsa.pem", "encrypted-old.key", NULL, "private_key", "encrypted-old.key", "is encrypted");
	refuse_files(
		"rsa.pem", "encrypted-empty.key", NULL, "private_key", "encrypted-empty.key", "is encrypted");
	refuse_files("both.pem", "both.pem", NULL, "private_key", "both.pem", "is encrypted");
	refuse_files("both-old.pem", "both-old.pem", NULL, "private_key", "both-old.pem", "is encrypted");
}

static void test_ca_list_refused(void **state)
{
	(void)state;
	refuse_files("ec.pem", "ec.key", "missing.pem", "ca_list", "missing.pem", "No such file");
	refuse_files("ec.pem", "ec.key", "folder.pem", "ca_list", "folder.pem", "not a file");
	refuse_files("ec.pem", "ec.key", "empty.pem", "ca_list", "empty.pem", "empty");
	refuse_files("ec.pem", "ec.key", "garbage.pem", "ca_list", "garbage.pem", "is damaged");
	refuse_files("ec.pem", "ec.key", "text.pem", "ca_list", "text.pem", "is no PEM file");
	refuse_files("ec.pem", "ec.key", "encrypted.pem", "ca_list", "encrypted.pem", "is encrypted");
	refuse_files("ec.pem", "ec.key", "rsa.key", "ca_list", "rsa.key", "holds no certificate");
}

/* Verification with the list: its authorities are named in the request, and who they signed passes. */
static void test_ca_list(void **state)
{
	struct cfg_domain d = make_domain("ec.pem", "ec.key", "ca.pem");
	SSL_CTX *ctx, *client = client_context(TLS1_3_VERSION, NULL);
	const STACK_OF(X509_NAME) * names;
	struct ktls_session_keys keys;
	struct connection c;

	(void)state;
	d.require_certificate = 1;
	ctx = build_good(&d);
	names = SSL_CTX_get_client_CA_list(ctx);
	assert_int_equal(sk_X509_NAME_num(names), 2);
	assert_int_equal(X509_NAME_cmp(sk_X509_NAME_value(names, 0), X509_get_subject_name(ca.cert)), 0);
	use_identity(client, &friend_id);
	connection_open(&c, ctx, client);
	connection_establish(&c, &keys);
	assert_int_equal(SSL_get_verify_result(ktls_handshake_ssl(c.server)), X509_V_OK);
	connection_close(&c);
	use_identity(client, &ec);
	connection_open(&c, ctx, client);
	assert_int_equal(connection_run(&c), KTLS_HANDSHAKE_FAILED);
	connection_close(&c);
	SSL_CTX_free(client);
	SSL_CTX_free(ctx);
	cfg_domain_clear(&d);
}

static void test_verify_without_ca_list(void **state)
{
	(void)state;
	for (int mode = 1; mode < 4; mode++) {
		struct cfg_domain d = make_domain("ec.pem", "ec.key", NULL);
		struct cfg_error e = {.text = ""}, warning;
		SSL_CTX *ctx;

		d.verify_certificate = mode & 1;
		d.require_certificate = mode >> 1;
		ctx = build_context(&d, &e, &warning);
		assert_non_null(ctx);
		assert_int_equal(strncmp(warning.text, "ca_list: ", 9), 0);
		SSL_CTX_free(ctx);
		cfg_domain_clear(&d);
	}
}

static int refuses_all_encrypted(void)
{
	static const char *const files[][3] = {
		{"rsa.pem", "encrypted.key", NULL},
		{"rsa.pem", "encrypted-old.key", NULL},
		{"rsa.pem", "encrypted-empty.key", NULL},
		{"encrypted.pem", "rsa.key", NULL},
		{"rsa.pem", "rsa.key", "encrypted.pem"},
	};
	struct cfg_error e, warning;
	unsigned refused = 0;

	for (unsigned i = 0; i < COUNT(files); i++) {
		struct cfg_domain d = make_domain(files[i][0], files[i][1], files[i][2]);

		refused += !build_context(&d, &e, &warning);
		cfg_domain_clear(&d);
	}
	return refused == COUNT(files);
}

/*
 * A process that has a terminal of its own builds contexts of files that ask for a password. What OpenSSL
 * writes to a terminal would be read here, and it would wait for an answer until the test's time is over.
 */
static void test_never_prompts(void **state)
{
	int terminal, status;
	char seen[256];
	ssize_t n;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		_exit(refuses_all_encrypted() ? 0 : 1);
	n = read(terminal, seen, sizeof(seen)); /* EIO: the terminal's last user has gone */
	close(terminal);                        /* hangs up on whoever still waits for an answer */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (n > 0)
		fail_msg("written to the terminal: %.*s", (int)n, seen);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_files),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_certificate_refused),
		cmocka_unit_test(test_key_refused),
		cmocka_unit_test(test_key_of_another),
		cmocka_unit_test(test_key_encrypted),
		cmocka_unit_test(test_ca_list_refused),
		cmocka_unit_test(test_ca_list),
		cmocka_unit_test(test_verify_without_ca_list),
		cmocka_unit_test(test_never_prompts),
	};

	return cmocka_run_group_tests_name("cfg_context", tests, make_files, free_files);
}
