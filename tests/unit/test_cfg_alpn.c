/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Application protocols: lists as an operator writes them, and what comes of them in handshakes. */
#include "client.h"
#include "folder.h"
#include "sets.h"

#include "cfg/alpn.h"

#include <stdlib.h>
#include <string.h>

static struct identity first, second;

#define FIRST  "certificate=first.pem\n"
#define SECOND "certificate=second.pem\n"
#define SERVER "[s:*]\n" FIRST

static int make_files(void **state)
{
	(void)state;
	first = make_identity("EC", "first", NULL);
	second = make_identity("EC", "second", NULL);
	sets_open_folder();
	folder_add_identity("first.pem", &first);
	folder_add_identity("second.pem", &second);
	return 0;
}

static int free_files(void **state)
{
	(void)state;
	sets_close_folder();
	free_identity(&first);
	free_identity(&second);
	return 0;
}

static void check_list(const char *value, const char *expected)
{
	struct cfg_error e;
	char *list = NULL;

	if (cfg_parse_alpn("alpn", value, &list, &e))
		fail_msg("%s", e.text);
	assert_string_equal(list, expected);
	free(list);
}

static void test_lists(void **state)
{
	(void)state;
	check_list("sip/2", "sip/2");
	check_list("sip/2,http/1.1", "sip/2,http/1.1");
	check_list(" sip/2 ,\thttp/1.1 , SIP/2", "sip/2,http/1.1,SIP/2"); /* names are bytes: RFC 7301 3.1 */
	check_list("x", "x");
}

static void check_refused(const char *value, const char *words)
{
	struct cfg_error e;
	char *list = NULL;

	assert_int_equal(cfg_parse_alpn("alpn", value, &list, &e), -1);
	assert_null(list);
	assert_ptr_equal(strstr(e.text, "alpn: "), e.text);
	if (!strstr(e.text, words))
		fail_msg("'%s' is not what was to be said about %s", e.text, value);
}

static void test_lists_refused(void **state)
{
	(void)state;
	check_refused("", "a name is missing");
	check_refused("  ", "a name is missing");
	check_refused("sip/2,", "a name is missing");
	check_refused(",sip/2", "a name is missing");
	check_refused("sip/2,,http/1.1", "a name is missing");
	check_refused("sip/2 http/1.1", "'sip/2 http/1.1' holds a blank");
	check_refused("sip/2,a\x01", "holds a blank or a byte");
	check_refused("sip/2,\x7f", "holds a blank or a byte");
	check_refused("sip/2,\xc3\xa9", "holds a blank or a byte");
	check_refused("sip/2,http/1.1,sip/2", "'sip/2' is there twice");
}

/* The longest name and the longest list, and one byte more. */
static void test_sizes(void **state)
{
	char text[2 * CFG_ALPN_MAX] = "";

	(void)state;
	memset(text, 'a', 256);
	check_refused(text, "is longer than the 255 bytes");
	text[255] = '\0';
	check_list(text, text);
	for (char *end = text + 255, name = 'b'; name < 'e'; name++, end += 256) {
		*end = ',';
		memset(end + 1, name, 255);
		end[256] = '\0';
	}
	assert_int_equal(strlen(text) + 1, CFG_ALPN_MAX);
	check_list(text, text);
	strcat(text, ",f");
	check_refused(text, "the list is longer than 1024 bytes");
}

/* tls.cfg names the line, and a value counts for its domain only. */
static void test_config(void **state)
{
	struct cfg_config *config =
		config_of("[s:*]\nalpn=\"sip/2, x\"\n[c:*]\nalpn=sip/2\n[s:any]\nserver_name=a\n");

	(void)state;
	assert_string_equal(domain_at(config, 1)->alpn, "sip/2,x");
	assert_string_equal(domain_at(config, 3)->alpn, "sip/2");
	assert_null(domain_at(config, 5)->alpn);
	cfg_config_unref(config);
	refuse_config("[s:*]\nalpn=sip/2,,x\n", "tls.cfg:2:", "alpn: a name is missing", NULL);
}

/* Offers are as on the wire; NULL: none. */
static void offer(SSL *ssl, const char *names)
{
	assert_int_equal(SSL_set_alpn_protos(ssl, (const unsigned char *)names, (unsigned)strlen(names)), 0);
}

/* chosen: NULL for none; "" where the handshake must end. */
static void check_server(
	const struct cfg_set *set, int version, const char *name, const char *offered, const char *chosen)
{
	SSL_CTX *client = client_context(version, NULL);
	const unsigned char *seen;
	struct connection c;
	unsigned len;

	connection_open_at(&c, set, NULL, client, name);
	if (offered)
		offer(c.client, offered);
	if (chosen && !*chosen) {
		assert_int_equal(connection_run(&c), KTLS_HANDSHAKE_FAILED);
		connection_hear_alert(&c);
		assert_int_equal(c.client_alert, SSL_AD_NO_APPLICATION_PROTOCOL);
		assert_int_equal(ktls_handshake_cause(c.server), KTLS_CAUSE_NOTHING_SHARED);
		assert_string_equal(ktls_handshake_error(c.server),
			"the peer offers no application protocol that is ours (ALPN)");
	} else {
		assert_true(connection_works(&c));
		for (int i = 0; i < 2; i++) {
			SSL_get0_alpn_selected(i ? c.client : ktls_handshake_ssl(c.server), &seen, &len);
			assert_int_equal(len, chosen ? strlen(chosen) : 0);
			assert_memory_equal(seen ? (const char *)seen : "", chosen ? chosen : "", len);
		}
	}
	connection_close(&c);
	SSL_CTX_free(client);
}

static void test_server(void **state)
{
	struct cfg_set *set = set_of(SERVER "alpn=sip/2,http/1.1\n[s:any]\nserver_name=open.example\n" SECOND
					    "[s:any]\nserver_name=other.example\nalpn=other\n" SECOND);

	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		check_server(set, version, NULL, "\5sip/2", "sip/2");
		check_server(set, version, NULL, "\10http/1.1\5sip/2", "sip/2"); /* our order counts */
		check_server(set, version, NULL, "\2h2\10http/1.1", "http/1.1");
		check_server(set, version, NULL, "\2h2", "");
		check_server(set, version, NULL, "\3sip\7sip/2.0\6http/1", ""); /* no part of a name */
		check_server(set, version, NULL, NULL, NULL);
		/* The domain that the name chooses decides, in both directions. */
		check_server(set, version, "open.example", "\2h2", NULL);
		check_server(set, version, "other.example", "\5sip/2\5other", "other");
		check_server(set, version, "other.example", "\5sip/2", "");
	}
	cfg_set_unref(set);
}

static const unsigned char *answer; /* what the server chooses, behind its length */

static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
	unsigned in_len, void *expected)
{
	(void)ssl;
	assert_int_equal(in_len, strlen(expected));
	assert_memory_equal(in, expected, in_len);
	if (!answer)
		return SSL_TLSEXT_ERR_NOACK;
	*out = answer + 1;
	*out_len = answer[0];
	return SSL_TLSEXT_ERR_OK;
}

static enum ktls_handshake_state call(const char *text, int version, const char *offered, const char *chosen)
{
	struct cfg_set *set = set_of(text);
	SSL_CTX *server = peer_server_context(&first);
	enum ktls_handshake_state state;
	const unsigned char *seen;
	struct client c;
	unsigned len;

	answer = (const unsigned char *)chosen;
	assert_int_equal(SSL_CTX_set_min_proto_version(server, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(server, version), 1);
	SSL_CTX_set_alpn_select_cb(server, choose, (void *)offered);
	client_open(&c, cfg_set_client_context(set, NULL, NULL, NULL), server);
	state = client_run(&c);
	SSL_get0_alpn_selected(ktls_handshake_ssl(c.ours), &seen, &len);
	if (state == KTLS_HANDSHAKE_DONE) {
		assert_int_equal(len, chosen ? chosen[0] : 0);
		assert_memory_equal(len ? (const char *)seen : "", chosen ? chosen + 1 : "", len);
	}
	client_close(&c);
	SSL_CTX_free(server);
	cfg_set_unref(set);
	return state;
}

static void test_client(void **state)
{
	static const char text[] = SERVER "[c:*]\nalpn=sip/2,x\n";

	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		assert_int_equal(call(text, version, "\5sip/2\1x", "\5sip/2"), KTLS_HANDSHAKE_DONE);
		assert_int_equal(call(text, version, "\5sip/2\1x", "\1x"), KTLS_HANDSHAKE_DONE);
		assert_int_equal(call(text, version, "\5sip/2\1x", NULL), KTLS_HANDSHAKE_DONE);
		/* RFC 9325 3.7: not one of ours. */
		assert_int_equal(call(text, version, "\5sip/2\1x", "\2h2"), KTLS_HANDSHAKE_FAILED);
		/* It offers none, or the callback would see it. */
		assert_int_equal(call(SERVER, version, "never", NULL), KTLS_HANDSHAKE_DONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_lists_refused),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_client),
	};

	return cmocka_run_group_tests_name("cfg_alpn", tests, make_files, free_files);
}
