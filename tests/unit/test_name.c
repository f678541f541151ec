/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose a certificate is (RFC 5922), alone and in handshakes. */
#include "client.h"
#include "named.h"

#include "ktls/name.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { /* alerts of RFC 8446 6.2 */
	BAD_CERTIFICATE = 42,
};

static struct identity ca;

static int make_ca(void **state)
{
	(void)state;
	ca = make_authority("authority", NULL);
	return 0;
}

static int free_ca(void **state)
{
	(void)state;
	free_identity(&ca);
	return 0;
}

struct comparison {
	const char *cn, *names; /* of the certificate */
	const char *wanted;
	int wildcards;
	const char *why; /* NULL: it has the name */
};

static const struct comparison comparisons[] = {
	/* A sip: URI, in any case of letters. */
	{"x", "URI:sip:a.example", "a.example", 0, NULL},
	{"x", "URI:SIP:A.Example", "a.eXAMPLE", 0, NULL},
	{"x", "URI:sip:b.example,URI:sip:a.example", "a.example", 0, NULL},
	{"x", "URI:sip:b.example", "a.example", 0, "it is for b.example, not for a.example"},
	{"x", "URI:sip:a.example", "example", 0, "it is for a.example, not for example"},
	{"x", "URI:sip:a.example", "a.example.com", 0, "it is for a.example"},
	{"x", "URI:sip:example", "a.example", 0, "it is for example,"},
	/* What is no domain's identity. */
	{"x", "URI:sip:user@a.example", "a.example", 0, "it names no domain, so not a.example"},
	{"x", "URI:sips:a.example", "a.example", 0, "it names no domain"},
	{"x", "URI:https://a.example", "a.example", 0, "it names no domain"},
	{"x", "URI:sip:a.example:5061", "a.example", 0, "it names no domain"},
	{"x", "URI:sip:a.example;transport=tls", "a.example", 0, "it names no domain"},
	{"x", "URI:sip:a.example?to=b", "a.example", 0, "it names no domain"},
	{"x", "URI:sip:%61.example", "a.example", 0, "it names no domain"},
	{"x", "URI:sip:", "a.example", 0, "it names no domain"},
	{"x", "email:a@a.example", "a.example", 0, "it names no domain"},
	/* No wildcards in URIs, whatever is allowed. */
	{"x", "URI:sip:*.example", "a.example", 1, "it names no domain"},
	/* DNS names only where no URI is an identity. */
	{"x", "DNS:a.example", "a.example", 0, NULL},
	{"x", "DNS:A.EXAMPLE", "a.example", 0, NULL},
	{"x", "URI:sip:user@a.example,DNS:a.example", "a.example", 0, NULL},
	{"x", "URI:sip:b.example,DNS:a.example", "a.example", 0, "it is for b.example, not for a.example"},
	{"x", "DNS:b.example", "a.example", 0, "it is for b.example, not for a.example"},
	{"x", "DNS:a.example", "sip.a.example", 0, "it is for a.example"},
	{"x", "DNS:sip.a.example", "a.example", 0, "it is for sip.a.example"},
	{"x", "DNS:xn--bcher-kva.example", "xn--bcher-kva.example", 0, NULL},
	{"x", "DNS:a,DNS:b,DNS:c,DNS:d,DNS:e", "x", 0, "it is for a, b, c and 2 more, not for x"},
	/* Wildcards, where they are allowed, are a whole first label for one label. */
	{"x", "DNS:*.a.example", "sip.a.example", 0, "it is for *.a.example, not for sip.a.example"},
	{"x", "DNS:*.a.example", "sip.a.example", 1, NULL},
	{"x", "DNS:*.a.example", "a.example", 1, "it is for *.a.example"},
	{"x", "DNS:*.a.example", "b.sip.a.example", 1, "it is for *.a.example"},
	{"x", "DNS:s*.a.example", "sip.a.example", 1, "it is for s*.a.example"},
	{"x", "DNS:sip.*.example", "sip.a.example", 1, "it is for"},
	{"x", "DNS:*.example", "a.example", 1, "it is for *.example"},
	{"x", "DNS:.a.example", "sip.a.example", 1, "it is for .a.example"},
	/* The common name only where there is no subjectAltName at all. */
	{"a.example", NULL, "a.example", 0, NULL},
	{"A.Example", NULL, "a.example", 0, NULL},
	{"b.example", NULL, "a.example", 0, "it is for b.example, not for a.example"},
	{"a.example", "DNS:b.example", "a.example", 0, "it is for b.example"},
	{"a.example", "email:a@b.example", "a.example", 0, "it names no domain"},
	{"a.example", "IP:192.0.2.1", "a.example", 0, "it names no domain"},
	{"a.example", "URI:sip:user@b.example", "a.example", 0, "it names no domain"},
	{"*.a.example", NULL, "sip.a.example", 0, "it is for *.a.example"},
	{"*.a.example", NULL, "sip.a.example", 1, NULL},
	{"b\xc3\xbc.example", NULL, "b.example", 0, "it is for b"},
	/* Addresses. */
	{"x", "IP:192.0.2.1", "192.0.2.1", 0, NULL},
	{"x", "IP:192.0.2.2,IP:192.0.2.1", "192.0.2.1", 0, NULL},
	{"x", "IP:2001:db8::1", "2001:DB8:0::1", 0, NULL},
	{"x", "IP:192.0.2.2", "192.0.2.1", 0, "it is for 192.0.2.2, not for 192.0.2.1"},
	{"x", "IP:2001:db8::2", "2001:db8::1", 0, "it is for 2001:db8::2, not for 2001:db8::1"},
	{"x", "DNS:192.0.2.1", "192.0.2.1", 0, "it names no IP address, so not 192.0.2.1"},
	{"x", "URI:sip:192.0.2.1", "192.0.2.1", 0, "it names no IP address"},
	{"192.0.2.1", NULL, "192.0.2.1", 0, "it names no IP address"},
};

static void check(struct identity *id, const char *wanted, int wildcards, const char *why)
{
	char said[KTLS_NAME_REFUSAL_MAX];
	int rc = ktls_name_check(id->cert, wanted, wildcards, said);

	if (rc != (why ? -ENOENT : 0))
		fail_msg("%s: %d, \"%s\"", wanted, rc, said);
	if (why && !strstr(said, why))
		fail_msg("%s: \"%s\"", wanted, said);
	if (!why)
		assert_string_equal(said, "");
}

static void test_comparisons(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(comparisons); i++) {
		const struct comparison *c = &comparisons[i];
		struct identity id = make_named(c->cn, c->names, &ca);

		check(&id, c->wanted, c->wildcards, c->why);
		free_identity(&id);
	}
}

/* What no authority should sign. It is equal to nothing, and harmless in a log. */
static void test_hostile_names(void **state)
{
	static const struct {
		int type;
		const char *bytes;
		size_t len;
		const char *why;
	} names[] = {
		{GEN_DNS, "a.example\0.evil", 15, "it is for a.example?.evil, not for a.example"},
		{GEN_DNS, "a.example\0", 10, "it is for a.example?,"},
		{GEN_DNS, "a.exa\xef\xbd\x8dple", 11, "it is for a.exa???ple"},
		{GEN_DNS, "a\nb\x1b[0m c", 9, "it is for a?b?[0m?c,"},
		{GEN_DNS, "", 0, "not for a.example"},
		{GEN_URI, "sip:a.example\0", 14, "it names no domain"},
		{GEN_URI, "sip:a.example\0.evil", 19, "it names no domain"},
		{GEN_URI, "sip\0:a.example", 14, "it names no domain"},
		{GEN_URI, "sip:a.exampl\xc3\xa9", 14, "it names no domain"},
		{GEN_URI, "sip", 3, "it names no domain"},
		{GEN_URI, "", 0, "it names no domain"},
	};
	char long_name[2000];
	const char *longs[50];
	size_t lens[50];
	struct identity id;

	(void)state;
	for (unsigned i = 0; i < COUNT(names); i++) {
		id = make_identity("EC", "a.example", &ca);
		add_raw_names(&id, names[i].type, &names[i].bytes, &names[i].len, 1, &ca);
		check(&id, "a.example", 1, names[i].why);
		free_identity(&id);
	}
	memset(long_name, 'a', sizeof(long_name));
	for (unsigned i = 0; i < COUNT(longs); i++) {
		longs[i] = long_name;
		lens[i] = sizeof(long_name);
	}
	id = make_identity("EC", "a.example", &ca);
	add_raw_names(&id, GEN_DNS, longs, lens, COUNT(longs), &ca);
	check(&id, "a.example", 0, "aaaa and 47 more, not for a.example");
	/* A second extension of the same kind (RFC 5280 4.2): nobody knows which one counts. */
	add_raw_names(&id, GEN_DNS, (const char *const[]){"a.example"}, (const size_t[]){9}, 1, &ca);
	check(&id, "a.example", 0, "its subjectAltName cannot be read");
	free_identity(&id);
}

/* A common name that is no text ends it, and leaves nothing behind in OpenSSL's queue of errors. */
static void test_unreadable_names(void **state)
{
	struct identity id = make_identity("EC", "a.example", &ca);

	(void)state;
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(id.cert), "CN", V_ASN1_UTF8STRING,
				 (const unsigned char *)"\xff\xfe", 2, 0, 0),
		1);
	check(&id, "a.example", 0, "its names cannot be read");
	assert_int_equal(ERR_peek_error(), 0);
	free_identity(&id);
}

static void test_kinds(void **state)
{
	static const char *const bad[] = {"", ".", ".a.example", "a.example.", "a..b", "*.example", "a b",
		"[::1]", "sip:a.example", "b\xc3\xbc.example", "a:5061", "2001:db8::1::2", "a\n"};
	char name[KTLS_NAME_MAX + 2], why[KTLS_NAME_REFUSAL_MAX];

	(void)state;
	for (unsigned i = 0; i < COUNT(bad); i++) {
		assert_int_equal(ktls_name_kind(bad[i]), -EINVAL);
		assert_int_equal(ktls_name_check(ca.cert, bad[i], 0, why), -EINVAL);
	}
	assert_int_equal(ktls_name_kind("a"), 0);
	assert_int_equal(ktls_name_kind("_sip.xn--bcher-kva.example"), 0);
	assert_int_equal(ktls_name_kind("192.0.2.1"), 1);
	assert_int_equal(ktls_name_kind("::1"), 1);
	memset(name, 'a', sizeof(name));
	name[KTLS_NAME_MAX + 1] = '\0';
	assert_int_equal(ktls_name_kind(name), -EINVAL);
	name[KTLS_NAME_MAX] = '\0';
	assert_int_equal(ktls_name_kind(name), 0);
}

/* A client that wants this name and trusts the CA; the server shows id with what is above it. */
static void shake_hands(int version, const struct identity *id, const struct identity *above,
	const char *wanted, const char *why)
{
	for (size_t piece = 0; piece < 2; piece++) {
		SSL_CTX *ours = our_client_context(version, NULL, KTLS_VERIFY_OPTIONAL);
		SSL_CTX *server = peer_server_context(id);
		struct ktls_session_keys keys;
		struct client c;
		char byte;

		assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ours), ca.cert), 1);
		if (above)
			assert_int_equal(SSL_CTX_add1_chain_cert(server, above->cert), 1);
		client_open(&c, ours, server);
		c.piece = piece;
		assert_int_equal(ktls_name_require(ktls_handshake_ssl(c.ours), wanted, 0), 0);
		assert_string_equal(ktls_name_refusal(ktls_handshake_ssl(c.ours)), "");
		if (why) {
			assert_int_equal(client_run(&c), KTLS_HANDSHAKE_FAILED);
			assert_int_equal(ktls_handshake_cause(c.ours), KTLS_CAUSE_CERTIFICATE);
			assert_string_equal(ktls_handshake_error(c.ours), why);
			assert_true(SSL_read(c.server, &byte, 1) <= 0);
			assert_int_equal(c.server_alert, BAD_CERTIFICATE);
			assert_int_equal(ktls_handshake_keys(c.ours, &keys), -EINVAL);
		} else {
			client_establish(&c, &keys);
			assert_int_equal(ktls_handshake_cause(c.ours), KTLS_CAUSE_NONE);
		}
		client_close(&c);
		SSL_CTX_free(ours);
		SSL_CTX_free(server);
	}
}

static void test_handshakes(void **state)
{
	/* Only the peer's own certificate counts, not one above it that has the name. */
	struct identity middle = make_authority("c.example", &ca);
	struct identity id = make_named("x", "URI:sip:a.example", &ca),
			below = make_named("b.example", NULL, &middle);

	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		shake_hands(version, &id, NULL, "a.example", NULL);
		shake_hands(version, &id, NULL, "b.example",
			"the peer's certificate was refused: it is for a.example, not for b.example");
		shake_hands(version, &id, NULL, "192.0.2.1",
			"the peer's certificate was refused: it names no IP address, so not 192.0.2.1");
		shake_hands(version, &below, &middle, "b.example", NULL);
		shake_hands(version, &below, &middle, "c.example",
			"the peer's certificate was refused: it is for b.example, not for c.example");
	}
	free_identity(&id);
	free_identity(&below);
	free_identity(&middle);
}

/* A name proves nothing where the chain does not. */
static void test_chain_goes_first(void **state)
{
	struct identity id = make_named("x", "URI:sip:a.example", NULL);
	SSL_CTX *ours = our_client_context(TLS1_3_VERSION, NULL, KTLS_VERIFY_OPTIONAL);
	SSL_CTX *server = peer_server_context(&id);
	struct client c;

	(void)state;
	client_open(&c, ours, server);
	assert_int_equal(ktls_name_require(ktls_handshake_ssl(c.ours), "a.example", 0), 0);
	assert_int_equal(client_run(&c), KTLS_HANDSHAKE_FAILED);
	assert_int_equal(ktls_handshake_cause(c.ours), KTLS_CAUSE_CERTIFICATE);
	assert_string_equal(
		ktls_handshake_error(c.ours), "the peer's certificate was refused: self-signed certificate");
	client_close(&c);
	SSL_CTX_free(ours);
	SSL_CTX_free(server);
	free_identity(&id);
}

/* It would be without effect, or change what is asked of the certificate. */
static void test_only_where_certificates_are_verified(void **state)
{
	static const struct {
		enum ktls_verify verify;
		int rc;
	} cases[] = {{KTLS_VERIFY_NONE, -EINVAL}, {KTLS_VERIFY_REQUEST, -EINVAL}, {KTLS_VERIFY_OPTIONAL, 0},
		{KTLS_VERIFY_REQUIRE, 0}};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		SSL_CTX *ours = our_client_context(TLS1_3_VERSION, NULL, cases[i].verify);
		SSL *ssl = SSL_new(ours);

		assert_int_equal(ktls_name_require(ssl, "a..example", 0), -EINVAL);
		assert_int_equal(ktls_name_require(ssl, "a.example", 0), cases[i].rc);
		assert_string_equal(ktls_name_refusal(ssl), "");
		SSL_free(ssl);
		SSL_CTX_free(ours);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comparisons),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_unreadable_names),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_handshakes),
		cmocka_unit_test(test_chain_goes_first),
		cmocka_unit_test(test_only_where_certificates_are_verified),
	};

	return cmocka_run_group_tests_name("name", tests, make_ca, free_ca);
}
