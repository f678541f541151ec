/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a set's files expires: which of them count, and how domains share them. */
#include "folder.h"
#include "sets.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct identity root, middle, low, other, client;

static void set_end(struct identity *id, const struct identity *issuer, long seconds)
{
	X509_gmtime_adj(X509_getm_notAfter(id->cert), seconds);
	assert_true(X509_sign(id->cert, issuer->key, EVP_sha256()) > 0);
}

static int make_files(void **state)
{
	(void)state;
	root = make_authority("root", NULL);
	middle = make_authority("middle", &root);
	set_end(&middle, &root, 2000);
	low = make_identity("EC", "low", &middle);
	set_end(&low, &middle, 3000);
	other = make_identity("RSA", "other", &middle);
	client = make_identity("EC", "client", &root);
	sets_open_folder();
	folder_add_identity("cert.pem", &low);
	folder_add_identity("chain.pem", &low);
	folder_add_cert("chain.pem", middle.cert);
	folder_add_cert("chain.pem", root.cert);
	folder_add_identity("other.pem", &other);
	folder_add_identity("client.pem", &client);
	folder_add_cert("no-key.pem", client.cert);
	folder_add_cert("all.pem", root.cert);
	folder_add_cert("all.pem", middle.cert);
	folder_add_crl("list.pem", &root, NULL, 5000);
	folder_add_crl("list.pem", &middle, NULL, 4000);
	folder_add_crl("past.pem", &root, NULL, -60);
	return 0;
}

static int free_files(void **state)
{
	(void)state;
	sets_close_folder();
	free_identity(&root);
	free_identity(&middle);
	free_identity(&low);
	free_identity(&other);
	free_identity(&client);
	return 0;
}

/* The one of a kind and file, which must be there once; its end is that many seconds from now, nearly. */
static const struct cfg_expiry *find(
	const struct cfg_set *set, enum cfg_expiring what, const char *file, long seconds)
{
	const struct cfg_expiry *found = NULL;
	char *path = folder_path(file);

	for (const struct cfg_expiry *e = cfg_set_expiries(set); e; e = e->next) {
		if (e->what != what || strcmp(e->file, path))
			continue;
		assert_null(found);
		found = e;
	}
	assert_non_null(found);
	assert_true(found->end <= time(NULL) + seconds && found->end > time(NULL) + seconds - 600);
	free(path);
	return found;
}

static unsigned count(const struct cfg_set *set)
{
	unsigned n = 0;

	for (const struct cfg_expiry *e = cfg_set_expiries(set); e; e = e->next)
		n++;
	return n;
}

static void test_certificate(void **state)
{
	struct cfg_set *set = set_of("[s:*]\n");
	const struct cfg_expiry *e = find(set, CFG_EXPIRING_CERTIFICATE, "cert.pem", 3000);

	(void)state;
	assert_int_equal(count(set), 1);
	assert_int_equal(e->domains, 1);
	assert_in_range(
		e->end - e->begin, 3000 + 3600, 3000 + 3600 + 600); /* it takes its time to make one */
	assert_ptr_equal(cfg_set_config(set)->domains[e->first_domain], domain_at(cfg_set_config(set), 1));
	cfg_set_unref(set);
}

/* Of a chain the certificate that ends first. */
static void test_chain(void **state)
{
	struct cfg_set *set = set_of("[s:*]\ncertificate=chain.pem\n");

	(void)state;
	assert_int_equal(count(set), 2);
	find(set, CFG_EXPIRING_CERTIFICATE, "chain.pem", 3000);
	find(set, CFG_EXPIRING_CA, "chain.pem", 2000);
	cfg_set_unref(set);
	/* The same from a list of CAs, of which those that are not shown do not count. */
	set = set_of("[s:*]\nca_list=all.pem\n");
	assert_int_equal(count(set), 2);
	find(set, CFG_EXPIRING_CA, "all.pem", 2000);
	cfg_set_unref(set);
	set = set_of("[c:*]\nca_list=all.pem\nverify_certificate=1\n");
	assert_int_equal(count(set), 1);
	cfg_set_unref(set);
}

static void test_lists(void **state)
{
	struct cfg_set *set = set_of("[s:*]\nca_list=all.pem\ncrl=list.pem\n");

	(void)state;
	assert_int_equal(count(set), 3);
	find(set, CFG_EXPIRING_LIST, "list.pem", 4000);
	cfg_set_unref(set);
	set = set_of("[s:*]\nca_list=all.pem\ncrl=past.pem\n");
	find(set, CFG_EXPIRING_LIST, "past.pem", -60);
	cfg_set_unref(set);
}

/* Both kinds of domains, second certificates, and files in common. */
static void test_domains(void **state)
{
	struct cfg_set *set =
		set_of("[s:*]\n[s:any]\nserver_name=a\ncertificate2=other.pem\n"
		       "[c:*]\ncertificate=client.pem\n[c:192.0.2.1:5061]\ncertificate=no-key.pem\n"
		       "[s:any]\nserver_name=b\ncertificate=other.pem\n");
	const struct cfg_expiry *e = find(set, CFG_EXPIRING_CERTIFICATE, "cert.pem", 3000);

	(void)state;
	assert_int_equal(count(set), 3); /* what is shown to nobody is not among them */
	assert_int_equal(e->domains, 2);
	assert_int_equal(cfg_set_config(set)->domains[e->first_domain]->line, 1);
	e = find(set, CFG_EXPIRING_CERTIFICATE, "other.pem", 3600);
	assert_int_equal(e->domains, 2);
	assert_int_equal(cfg_set_config(set)->domains[e->first_domain]->line, 2);
	e = find(set, CFG_EXPIRING_CERTIFICATE, "client.pem", 3600);
	assert_int_equal(e->domains, 1);
	cfg_set_unref(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_domains),
	};

	return cmocka_run_group_tests_name("cfg_expiry", tests, make_files, free_files);
}
