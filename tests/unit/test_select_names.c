/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Common names as certificates may hold them, and certificates that are damaged. */
#include "asking.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_ENTRIES = 3,
};

/* One string of a name, in the encoding that the certificate gives it. */
struct entry {
	const char *field; /* "CN"; NULL: the list ends */
	int type;          /* V_ASN1_... */
	const char *bytes;
	size_t len;
};

#define TEXT(s) s, sizeof(s) - 1

struct name {
	struct entry entries[MAX_ENTRIES];
	const char *cn; /* as it must be answered; NULL for null */
	size_t cn_len;
};

static const struct name names[] = {
	{{{"CN", V_ASN1_UTF8STRING, TEXT("alice")}}, TEXT("alice")},
	{{{"CN", V_ASN1_PRINTABLESTRING, TEXT("alice")}}, TEXT("alice")},
	{{{"CN", V_ASN1_IA5STRING, TEXT("alice@example.org")}}, TEXT("alice@example.org")},
	{{{"CN", V_ASN1_UTF8STRING, TEXT("Zo\xc3\xab \xe2\x82\xac")}}, TEXT("Zo\xc3\xab \xe2\x82\xac")},
	/* Other encodings become UTF-8. */
	{{{"CN", V_ASN1_T61STRING, TEXT("Zo\xeb")}}, TEXT("Zo\xc3\xab")},
	{{{"CN", V_ASN1_BMPSTRING, TEXT("\0A\0\xeb\x20\xac")}}, TEXT("A\xc3\xab\xe2\x82\xac")},
	{{{"CN", V_ASN1_UNIVERSALSTRING, TEXT("\0\0\0A\0\1\xf6\0")}}, TEXT("A\xf0\x9f\x98\x80")},
	/* What could mislead a reader is passed on; whoever uses it must know that it is any byte. */
	{{{"CN", V_ASN1_UTF8STRING, TEXT("good\0evil")}}, TEXT("good\0evil")},
	{{{"CN", V_ASN1_BMPSTRING, TEXT("\0a\0\0\0b")}}, TEXT("a\0b")},
	{{{"CN", V_ASN1_PRINTABLESTRING, TEXT("a\r\nVia: b\n")}}, TEXT("a\r\nVia: b\n")},
	{{{"CN", V_ASN1_UTF8STRING, TEXT("\0")}}, TEXT("\0")},
	/* The first of several, wherever it stands. */
	{{{"CN", V_ASN1_UTF8STRING, TEXT("first")}, {"CN", V_ASN1_UTF8STRING, TEXT("second")},
		 {"CN", V_ASN1_UTF8STRING, TEXT("third")}},
		TEXT("first")},
	{{{"O", V_ASN1_UTF8STRING, TEXT("company")}, {"CN", V_ASN1_UTF8STRING, TEXT("first")},
		 {"CN", V_ASN1_UTF8STRING, TEXT("second")}},
		TEXT("first")},
	/* An empty one is there; a missing one is not. */
	{{{"CN", V_ASN1_UTF8STRING, TEXT("")}}, TEXT("")},
	{{{"CN", V_ASN1_UTF8STRING, TEXT("")}, {"CN", V_ASN1_UTF8STRING, TEXT("second")}}, TEXT("")},
	{{{"O", V_ASN1_UTF8STRING, TEXT("company")}}, NULL, 0},
	{{{NULL, 0, NULL, 0}}, NULL, 0},
};

static struct identity id, ca;
static SSL_CTX *server;

static int make_server(void **state)
{
	(void)state;
	id = make_identity("EC", "server", NULL);
	ca = make_identity("EC", "authority", NULL);
	server = server_context(&id, KTLS_VERIFY_REQUEST, NULL);
	return 0;
}

static int free_server(void **state)
{
	(void)state;
	SSL_CTX_free(server);
	free_identity(&id);
	free_identity(&ca);
	return 0;
}

static void set_name(X509_NAME *name, const struct entry *e)
{
	for (unsigned i = 0; i < MAX_ENTRIES && e[i].field; i++)
		assert_int_equal(X509_NAME_add_entry_by_txt(name, e[i].field, e[i].type,
					 (const unsigned char *)e[i].bytes, (int)e[i].len, -1, 0),
			1);
}

/* A certificate with these names for the key of ca, which signs it. */
static X509 *make_named(const struct entry *subject, const struct entry *issuer)
{
	X509 *cert = X509_new();

	assert_non_null(cert);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	set_name(X509_get_subject_name(cert), subject);
	set_name(X509_get_issuer_name(cert), issuer);
	X509_set_pubkey(cert, ca.key);
	assert_true(X509_sign(cert, ca.key, EVP_sha256()) > 0);
	return cert;
}

/* The snapshot of a connection whose client shows this certificate, which is also put down as our own. */
static struct snapshot *show(X509 *cert, const struct snapshot_cert *own)
{
	struct identity shown = {.cert = cert, .key = ca.key};
	struct asked a = {.server = server, .client = client_context(TLS1_3_VERSION, NULL), .about.own = own};
	struct snapshot *s;

	use_identity(a.client, &shown);
	s = ask_about(&a);
	SSL_CTX_free(a.client);
	return s;
}

static void check_field(const struct snapshot *s, struct question q, const struct name *n)
{
	if (n->cn)
		assert_answer(s, q, n->cn, n->cn_len);
	else
		assert_no_answer(s, q);
}

static void check_names(const struct name *subject, const struct name *issuer)
{
	X509 *cert = make_named(subject->entries, issuer->entries);
	struct snapshot_cert *own = keep_cert(cert);
	struct snapshot *s = show(cert, own);

	check_field(s, PEER_SUBJECT_CN, subject);
	check_field(s, PEER_ISSUER_CN, issuer);
	check_field(s, OWN_SUBJECT_CN, subject);
	check_field(s, OWN_ISSUER_CN, issuer);
	free(s);
	free(own);
	X509_free(cert);
}

static void test_names(void **state)
{
	static const struct name other = {{{"CN", V_ASN1_UTF8STRING, TEXT("the other")}}, TEXT("the other")};

	(void)state;
	for (unsigned i = 0; i < COUNT(names); i++) {
		check_names(&names[i], &other);
		check_names(&other, &names[i]);
	}
}

/* Names of any length: the limit is that of the answer, in bytes of UTF-8. */
static void test_lengths(void **state)
{
	static const size_t lengths[] = {
		64, 65, 255, 256, ANSWER_TEXT_MAX - 1, ANSWER_TEXT_MAX, ANSWER_TEXT_MAX + 1, 3000};
	static char text[3000];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (unsigned i = 0; i < COUNT(lengths); i++) {
		size_t len = lengths[i];
		struct name n = {
			{{"CN", V_ASN1_UTF8STRING, text, len}}, len < ANSWER_TEXT_MAX ? text : NULL, len};

		check_names(&n, &n);
	}
}

/* 512 letters that take two bytes each are one byte too many. */
static void test_lengths_converted(void **state)
{
	char latin[512], utf8[1024];

	(void)state;
	memset(latin, 0xeb, sizeof(latin));
	for (size_t i = 0; i < sizeof(utf8); i += 2)
		memcpy(utf8 + i, "\xc3\xab", 2);
	for (size_t len = 510; len <= 512; len++) {
		struct name n = {{{"CN", V_ASN1_T61STRING, latin, len}}, len < 512 ? utf8 : NULL, 2 * len};

		check_names(&n, &n);
	}
}

/* Any answer but a crash is right; the sanitizer looks for bytes read beyond the end. */
static void ask_both(const struct snapshot *s)
{
	char buf[ANSWER_MAX];

	for (int field = 0; field < ANSWER_FIELDS; field++) {
		struct question q = {
			.field = (uint8_t)field, .own = field & 1, .nid = NID_commonName, .san = GEN_DNS};

		assert_true(snapshot_answer(s, &q, buf) < ANSWER_MAX);
	}
}

static X509 *plain_certificate(void)
{
	static const struct entry e[MAX_ENTRIES] = {
		{"O", V_ASN1_PRINTABLESTRING, TEXT("company")}, {"CN", V_ASN1_BMPSTRING, TEXT("\0A\0B")}};

	return make_named(e, e);
}

static void test_damaged(void **state)
{
	X509 *cert = plain_certificate();
	struct snapshot_cert *own = keep_cert(cert);
	struct snapshot *s = show(cert, own);

	(void)state;
	assert_int_equal(own->len, s->peer_len);
	for (uint32_t i = 0; i < own->len; i++) {
		uint8_t *here = &own->der[i], *there = &s->data[s->peer + i], was = *here;

		assert_int_equal(*there, was);
		for (int bit = 0; bit < 10; bit++) {
			uint8_t damaged =
				bit < 8 ? (uint8_t)(was ^ 1 << bit) : (uint8_t)(bit == 8 ? 0 : 0xff);

			*here = *there = damaged;
			ask_both(s);
		}
		*here = *there = was;
	}
	assert_answer_text(s, PEER_SUBJECT_CN, "AB");
	assert_answer_text(s, OWN_ISSUER_CN, "AB");
	free(s);
	free(own);
	X509_free(cert);
}

/* Cut off: no longer a certificate, so there is no name, even where the name is still there. */
static void test_truncated(void **state)
{
	X509 *cert = plain_certificate();
	struct snapshot_cert *own = keep_cert(cert);
	struct snapshot *s = show(cert, own);
	size_t head = offsetof(struct snapshot, data) + s->peer;

	(void)state;
	for (uint32_t len = 0; len < own->len; len++) {
		struct snapshot_cert *short_own = malloc(sizeof(*own) + len);
		struct snapshot *shorter = malloc(head + len);

		memcpy(short_own, own, sizeof(*own) + len);
		memcpy(shorter, s, head + len);
		short_own->len = shorter->peer_len = len;
		shorter->own = short_own;
		assert_no_answer(shorter, PEER_SUBJECT_CN);
		assert_no_answer(shorter, PEER_ISSUER_CN);
		assert_no_answer(shorter, OWN_SUBJECT_CN);
		assert_no_answer(shorter, OWN_ISSUER_CN);
		free(shorter);
		free(short_own);
	}
	free(s);
	free(own);
	X509_free(cert);
}

/* The caller may be about to look at an error of its own. */
static void test_errors_of_others(void **state)
{
	X509 *cert = plain_certificate();
	struct snapshot_cert *own = keep_cert(cert);
	struct snapshot *s = show(cert, own);
	char buf[ANSWER_MAX];

	(void)state;
	own->len--;
	ERR_raise(ERR_LIB_USER, 1);
	assert_true(snapshot_answer(s, &OWN_SUBJECT_CN, buf) < 0);
	assert_int_equal(snapshot_answer(s, &PEER_SUBJECT_CN, buf), 2);
	assert_int_equal(ERR_GET_LIB(ERR_get_error()), ERR_LIB_USER);
	assert_int_equal(ERR_get_error(), 0);
	free(s);
	free(own);
	X509_free(cert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_lengths_converted),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_errors_of_others),
	};

	return cmocka_run_group_tests_name("select_names", tests, make_server, free_server);
}
