/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stays as the first context has it when a name moves a handshake: the part of cfg/set.h that is
 * OpenSSL's. */
#include "folder.h"
#include "sets.h"

#include <stdlib.h>
#include <string.h>

static struct identity id;

static int make_files(void **state)
{
	(void)state;
	id = make_identity("EC", "server", NULL);
	sets_open_folder();
	folder_add_identity("cert.pem", &id);
	return 0;
}

static int free_files(void **state)
{
	(void)state;
	sets_close_folder();
	free_identity(&id);
	return 0;
}

static int make_different(SSL_CTX *ctx, const struct cfg_domain *d, void *arg, struct cfg_error *e)
{
	(void)arg;
	(void)e;
	SSL_CTX_set_num_tickets(ctx, d->is_default ? 1 : 3);
	return SSL_CTX_set1_groups_list(ctx, d->is_default ? "P-256" : "P-384") == 1 ? 0 : -1;
}

static void test_groups_and_tickets(void **state)
{
	struct cfg_set *set = set_with("[s:*]\n[s:any]\nserver_name=a.example\n",
		&(struct cfg_build){.kinds = 1u << CFG_SERVER, .built = make_different});
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct connection c;

	(void)state;
	assert_int_equal(SSL_CTX_set1_groups_list(client, "P-384:P-256"), 1);
	connection_open_at(&c, set, NULL, client, "a.example");
	assert_int_equal(connection_works(&c), 1);
	assert_int_equal(chosen_line(&c), 2);
	assert_int_equal(SSL_get_negotiated_group(c.client), NID_X9_62_prime256v1);
	assert_int_equal(SSL_get_num_tickets(ktls_handshake_ssl(c.server)), 1);
	connection_close(&c);
	SSL_CTX_free(client);
	cfg_set_unref(set);
}

static int use_keys(SSL_CTX *ctx, const struct cfg_domain *d, void *arg, struct cfg_error *e)
{
	unsigned char keys[80];

	(void)arg;
	(void)e;
	memset(keys, d->is_default ? 1 : 2, sizeof(keys));
	return SSL_CTX_set_tlsext_ticket_keys(ctx, keys, sizeof(keys)) == 1 ? 0 : -1;
}

/* A ticket begins with its key's name. */
static void test_ticket_keys(void **state)
{
	struct cfg_set *set = set_with("[s:*]\n[s:any]\nserver_name=a.example\n",
		&(struct cfg_build){.kinds = 1u << CFG_SERVER, .built = use_keys});
	SSL_CTX *client = client_context(TLS1_2_VERSION, NULL);
	const unsigned char *ticket;
	struct connection c;
	size_t len;

	(void)state;
	connection_open_at(&c, set, NULL, client, "a.example");
	assert_int_equal(connection_works(&c), 1);
	assert_int_equal(chosen_line(&c), 2);
	SSL_SESSION_get0_ticket(SSL_get_session(c.client), &ticket, &len);
	assert_true(len > 16);
	for (int i = 0; i < 16; i++)
		assert_int_equal(ticket[i], 1);
	connection_close(&c);
	SSL_CTX_free(client);
	cfg_set_unref(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups_and_tickets),
		cmocka_unit_test(test_ticket_keys),
	};

	return cmocka_run_group_tests_name("cfg_set_stays", tests, make_files, free_files);
}
