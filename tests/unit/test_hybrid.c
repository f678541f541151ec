/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Post-quantum key exchange: groups whose hellos are longer than a TCP segment, which OpenSSL has from 3.5
 * on. */
#include "calling.h"
#include "client.h"
#include "connection.h"
#include "one_server.h"
#include "serving.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

enum {
	SHARE = 1120, /* bytes of the smallest share of such a group, a server's X25519MLKEM768 */
	SEGMENT = 536,
	PATIENT = 3600, /* seconds: no handshake of this file may end by its time */
};

static const char *const groups[] = {"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"};

/* Bytes carried at a time. */
static const size_t pieces[] = {0, 1, SEGMENT};

static void use_groups(SSL_CTX *ctx, const char *list)
{
	assert_int_equal(SSL_CTX_set1_groups_list(ctx, list), 1);
}

static void assert_group(SSL *ssl, const char *name)
{
	const char *agreed = SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl));

	assert_non_null(agreed);
	assert_string_equal(agreed, name);
}

static void check_server(const char *group, const char *offered, size_t piece)
{
	SSL_CTX *ours = server_context(&id, KTLS_VERIFY_NONE, NULL);
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct ktls_session_keys keys;
	struct connection c;

	use_groups(ours, group);
	use_groups(client, offered);
	connection_open(&c, ours, client);
	c.piece = piece;
	connection_establish(&c, &keys);
	assert_group(ktls_handshake_ssl(c.server), group);
	assert_true(c.flight_len > SHARE);
	connection_talk(&c, &keys);
	connection_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(client);
}

static void test_server(void **state)
{
	(void)state;
	need_group(groups[0]);
	for (unsigned i = 0; i < COUNT(groups); i++)
		for (unsigned p = 0; p < COUNT(pieces); p++)
			check_server(groups[i], groups[i], pieces[p]);
}

/* The long share comes in the second ClientHello. */
static void test_server_asks_again(void **state)
{
	char offered[64];

	(void)state;
	need_group(groups[0]);
	for (unsigned i = 0; i < COUNT(groups); i++) {
		snprintf(offered, sizeof(offered), "X25519:%s", groups[i]);
		for (unsigned p = 0; p < COUNT(pieces); p++)
			check_server(groups[i], offered, pieces[p]);
	}
}

static void check_client(const char *group, const char *offered, size_t piece, size_t retries)
{
	SSL_CTX *ours = our_client_context(TLS1_3_VERSION, NULL, KTLS_VERIFY_NONE);
	SSL_CTX *theirs = peer_server_context(&id);
	struct ktls_session_keys keys;
	struct client c;

	use_groups(ours, offered);
	use_groups(theirs, group);
	client_open(&c, ours, theirs);
	c.piece = piece;
	client_establish(&c, &keys);
	assert_group(ktls_handshake_ssl(c.ours), group);
	assert_int_equal(c.retries, retries);
	client_take_tickets(&c, &keys);
	talk_with(c.server, &keys);
	client_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(theirs);
}

static void test_client(void **state)
{
	char offered[64];

	(void)state;
	need_group(groups[0]);
	for (unsigned i = 0; i < COUNT(groups); i++) {
		snprintf(offered, sizeof(offered), "X25519:%s", groups[i]);
		for (unsigned p = 0; p < COUNT(pieces); p++) {
			check_client(groups[i], groups[i], pieces[p], 0);
			check_client(groups[i], offered, pieces[p], 1);
		}
	}
}

/* What OpenSSL offers and takes where nobody says anything of groups. */
static void test_default(void **state)
{
	struct ktls_session_keys keys;
	struct connection c;
	SSL_CTX *client;

	(void)state;
	need_group(groups[0]);
	client = client_context(TLS1_3_VERSION, NULL);
	connection_open(&c, server, client);
	connection_client_turn(&c);
	assert_true(connection_left_over(&c, NULL, 0) > SHARE);
	connection_establish(&c, &keys);
	assert_group(c.client, groups[0]);
	connection_close(&c);
	SSL_CTX_free(client);
}

/* Over TCP, the ClientHello in segments that come one by one. */
static void test_server_over_tcp(void **state)
{
	static struct serving s;
	struct caller *c;
	SSL_CTX *client;

	(void)state;
	need_group(groups[0]);
	client = client_context(TLS1_3_VERSION, NULL);
	use_groups(client, groups[0]);
	serving_open(&s, server, 10, PATIENT);
	c = serving_call(&s, client);
	c->piece = SEGMENT;
	c->pause_ms = 5;
	serving_expect(&s, 1, 0);
	c->piece = 0;
	assert_group(c->ssl, groups[0]);
	serving_talk(&s, c);
	serving_close(&s);
	SSL_CTX_free(client);
}

static void test_client_over_tcp(void **state)
{
	static struct calling c;
	SSL_CTX *ours, *theirs;
	int fd, size = SEGMENT;
	socklen_t len = sizeof(size);
	struct callee *callee;

	(void)state;
	need_group(groups[0]);
	ours = our_client_context(TLS1_3_VERSION, NULL, KTLS_VERIFY_NONE);
	theirs = peer_server_context(&id);
	use_groups(ours, groups[0]);
	calling_open(&c, ours, theirs);
	c.manners = (struct manners){.piece = SEGMENT, .pause_ms = 5};
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &size, sizeof(size)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&c.at, sizeof(c.at)), 0);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &size, &len), 0);
	assert_true(size <= SEGMENT);
	calling_start(&c, fd);
	calling_expect(&c, 1, 0);
	callee = calling_find(&c, &c.calls[0]);
	assert_group(callee->ssl, groups[0]);
	call_talk(&c.calls[0], callee);
	calling_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(theirs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_server_asks_again),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_server_over_tcp),
		cmocka_unit_test(test_client_over_tcp),
	};

	return cmocka_run_group_tests_name("hybrid", tests, one_server_prepare, one_server_clean_up);
}
