/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a domain trusts: lists, folders, revocation. */
#include "folder.h"
#include "sets.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static struct identity server, root, middle, good, revoked, low, stranger;

static int make_files(void **state)
{
	char name[16];

	(void)state;
	server = make_identity("EC", "server", NULL);
	root = make_authority("root", NULL);
	middle = make_authority("middle", &root);
	good = make_identity("EC", "good", &root);
	revoked = make_identity("EC", "revoked", &root);
	low = make_identity("EC", "low", &middle);
	stranger = make_identity("EC", "stranger", NULL);
	sets_open_folder();
	folder_add_identity("cert.pem", &server);
	folder_add_cert("root.pem", root.cert);
	folder_add_crl("root.crl", &root, revoked.cert, 3600);
	folder_add_crl("both.crl", &root, revoked.cert, 3600);
	folder_add_crl("both.crl", &middle, NULL, 3600);
	folder_add_crl("middle.crl", &middle, NULL, 3600);
	folder_add_crl("old.crl", &root, NULL, -60);
	/* The folder of files is a hashed one as well. */
	snprintf(name, sizeof(name), "%08lx.0",
		(unsigned long)X509_NAME_hash_ex(X509_get_subject_name(root.cert), NULL, NULL, NULL));
	folder_add_cert(name, root.cert);
	folder_add_folder("empty.d");
	return 0;
}

static int free_files(void **state)
{
	struct identity *all[] = {&server, &root, &middle, &good, &revoked, &low, &stranger};

	(void)state;
	sets_close_folder();
	for (unsigned i = 0; i < COUNT(all); i++)
		free_identity(all[i]);
	return 0;
}

/* Whether the default domain takes that client; *names: of CAs in its request. */
static int takes(const struct cfg_set *set, const struct identity *id, int *names)
{
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	const STACK_OF(X509_NAME) * list;
	struct connection c;
	int works;

	use_identity(client, id);
	if (id == &low)
		assert_int_equal(SSL_CTX_add1_chain_cert(client, middle.cert), 1);
	connection_open_at(&c, set, NULL, client, NULL);
	works = connection_works(&c);
	list = SSL_get0_peer_CA_list(c.client);
	*names = list ? sk_X509_NAME_num(list) : 0;
	connection_close(&c);
	SSL_CTX_free(client);
	return works;
}

static void test_folder(void **state)
{
	char text[128], *path = folder_path("");
	struct cfg_set *set;
	int names;

	(void)state;
	snprintf(text, sizeof(text), "[s:*]\nrequire_certificate=1\nca_path=%s\n", path);
	set = set_of(text);
	assert_int_equal(warnings.count, 0);
	assert_int_equal(takes(set, &good, &names), 1);
	assert_int_equal(names, 0);
	assert_int_equal(takes(set, &stranger, &names), 0);
	cfg_set_unref(set);
	/* With a list beside it no names are sent either: they would leave out the folder's. */
	snprintf(text, sizeof(text), "[s:*]\nrequire_certificate=1\nca_list=cert.pem\nca_path=%s\n", path);
	set = set_of(text);
	assert_int_equal(takes(set, &good, &names), 1);
	assert_int_equal(names, 0);
	assert_int_equal(takes(set, &server, &names), 1);
	cfg_set_unref(set);
	free(path);
}

static void test_folder_odd(void **state)
{
	(void)state;
	cfg_set_unref(set_of("[s:*]\nca_path=empty.d\n"));
	assert_int_equal(warnings.count, 1);
	assert_true(said(&warnings, "tls.cfg:2: [server:default]: ca_path: no file in '"));
	cfg_set_unref(set_of("[s:*]\nca_path=cert.pem\n"));
	assert_true(said(&warnings, "cert.pem' (Not a directory), so it brings no CA"));
	cfg_set_unref(set_of("[s:*]\nca_path=none.d\n"));
	assert_true(said(&warnings, "none.d' (No such file or directory), so it brings no CA"));
}

static void test_revocation(void **state)
{
	struct cfg_set *set = set_of("[s:*]\nrequire_certificate=1\nca_list=root.pem\ncrl=root.crl\n");
	int names;

	(void)state;
	assert_int_equal(takes(set, &good, &names), 1);
	assert_int_equal(names, 1);
	assert_int_equal(takes(set, &revoked, &names), 0);
	assert_int_equal(takes(set, &low, &names), 0); /* there is no list of its authority */
	cfg_set_unref(set);
	set = set_of("[s:*]\nrequire_certificate=1\nca_list=root.pem\n");
	assert_int_equal(takes(set, &revoked, &names), 1);
	assert_int_equal(takes(set, &low, &names), 1);
	cfg_set_unref(set);
	set = set_of("[s:*]\nrequire_certificate=1\nca_list=root.pem\ncrl=middle.crl\n");
	assert_int_equal(takes(set, &low, &names), 0); /* none of the authority above */
	cfg_set_unref(set);
	set = set_of("[s:*]\nrequire_certificate=1\nca_list=root.pem\ncrl=both.crl\n");
	assert_int_equal(takes(set, &revoked, &names), 0);
	assert_int_equal(takes(set, &low, &names), 1);
	cfg_set_unref(set);
}

static void test_revocation_odd(void **state)
{
	(void)state;
	cfg_set_unref(set_of("[s:*]\nca_list=root.pem\ncrl=old.crl\n"));
	assert_int_equal(warnings.count, 1);
	assert_true(said(&warnings, "tls.cfg:3: [server:default]: crl: a list in '"));
	refuse_set("[s:*]\ncrl=root.pem\n");
	assert_true(said(&errors, "root.pem' holds no revocation list, but a part that begins with"));
	refuse_set("[s:*]\nca_list=root.crl\n");
	assert_true(said(&errors, "root.crl' holds no certificate, but a part that begins with"));
}

static const void *first_object(const struct cfg_set *set, const char *local, X509_LOOKUP_TYPE type)
{
	X509_STORE *store = SSL_CTX_get_cert_store(cfg_set_server_context(set, address_of(local)));
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		const X509_OBJECT *o = sk_X509_OBJECT_value(objects, i);

		if (X509_OBJECT_get_type(o) == type)
			return type == X509_LU_CRL ? (const void *)X509_OBJECT_get0_X509_CRL(o)
						   : (const void *)X509_OBJECT_get0_X509(o);
	}
	return NULL;
}

/* A list of revocations may be large: domains that name one file have one copy of it. */
static void test_files_are_shared(void **state)
{
	struct cfg_set *set = set_of("[s:*]\nca_list=root.pem\ncrl=root.crl\n"
				     "[s:192.0.2.1:5061]\nca_list=root.pem\ncrl=root.crl\n"
				     "[s:192.0.2.2:5061]\nca_list=root.pem\ncrl=both.crl\n");
	const void *crl = first_object(set, NULL, X509_LU_CRL), *ca = first_object(set, NULL, X509_LU_X509);

	(void)state;
	assert_non_null(crl);
	assert_non_null(ca);
	assert_ptr_equal(first_object(set, "192.0.2.1:5061", X509_LU_CRL), crl);
	assert_ptr_equal(first_object(set, "192.0.2.1:5061", X509_LU_X509), ca);
	assert_ptr_equal(first_object(set, "192.0.2.2:5061", X509_LU_X509), ca);
	assert_ptr_not_equal(first_object(set, "192.0.2.2:5061", X509_LU_CRL), crl);
	cfg_set_unref(set);
}

static void test_nobody_trusted(void **state)
{
	(void)state;
	cfg_set_unref(set_of("[s:*]\nverify_certificate=1\n[c:*]\nverify_certificate=1\n"
			     "[s:any]\nserver_name=a\nverify_client=optional_no_ca\n"));
	assert_int_equal(warnings.count, 2);
	assert_true(said(&warnings, "[server:default]: ca_list: not set although client certificates"));
	assert_true(said(&warnings, "[client:default]: ca_list: not set although server certificates"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_folder_odd),
		cmocka_unit_test(test_revocation),
		cmocka_unit_test(test_revocation_odd),
		cmocka_unit_test(test_files_are_shared),
		cmocka_unit_test(test_nobody_trusted),
	};

	return cmocka_run_group_tests_name("cfg_trust", tests, make_files, free_files);
}
