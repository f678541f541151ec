/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What later releases of SER's module tell of a connection, and what only this one does. */
#include "asking.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct identity server_id, ca, friend_id;

static int make_identities(void **state)
{
	(void)state;
	server_id = make_identity("EC", "server", NULL);
	ca = make_identity("EC", "authority", NULL);
	friend_id = make_identity("EC", "friend", &ca);
	return 0;
}

static int free_identities(void **state)
{
	(void)state;
	free_identity(&server_id);
	free_identity(&ca);
	free_identity(&friend_id);
	return 0;
}

static struct asked start(int version, const struct identity *client)
{
	struct asked a = {.server = server_context(&server_id, KTLS_VERIFY_REQUEST, &ca),
		.client = client_context(version, NULL)};

	if (client)
		use_identity(a.client, client);
	return a;
}

static void end(struct asked *a, struct snapshot *s)
{
	free(s);
	SSL_CTX_free(a->server);
	SSL_CTX_free(a->client);
}

static void test_server_name(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct asked a = start(version, NULL);
		struct snapshot *s = ask_about(&a);

		assert_no_answer(s, ABOUT(ANSWER_SERVER_NAME));
		free(s);
		a.server_name = "sip.example.org";
		s = ask_about(&a);
		assert_answer_text(s, ABOUT(ANSWER_SERVER_NAME), "sip.example.org");
		end(&a, s);
	}
}

/* A resumed session has its name, also that of TLS 1.2, where OpenSSL takes none from the new ClientHello. */
static void test_server_name_of_resumed(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct asked a = start(version, NULL);
		struct ktls_session_keys keys;
		struct snapshot *s;
		SSL_SESSION *session = NULL;
		struct connection c;
		size_t size;

		for (int i = 0; i < 2; i++) {
			connection_open(&c, a.server, a.client);
			SSL_set_tlsext_host_name(c.client, "sip.example.org");
			if (session)
				SSL_set_session(c.client, session);
			connection_establish(&c, &keys);
			assert_int_equal(SSL_session_reused(c.client), i);
			if (!i) {
				connection_talk(&c, &keys); /* takes the tickets */
				session = SSL_get1_session(c.client);
				connection_close(&c);
			}
		}
		size = snapshot_size(ktls_handshake_ssl(c.server), &a.about);
		s = malloc(size);
		assert_int_equal(snapshot_take(s, size, ktls_handshake_ssl(c.server), &a.about), 0);
		connection_close(&c);
		assert_answer_text(s, ABOUT(ANSWER_SERVER_NAME), "sip.example.org");
		assert_answer_text(s, ABOUT(ANSWER_RESUMED), "1");
		SSL_SESSION_free(session);
		end(&a, s);
	}
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned in_len, void *arg)
{
	(void)ssl;
	(void)arg;
	assert_true(in_len > in[0]);
	*out = in + 1;
	*out_len = in[0];
	return SSL_TLSEXT_ERR_OK;
}

static void test_protocol(void **state)
{
	struct asked a = start(TLS1_3_VERSION, NULL);
	struct snapshot *s = ask_about(&a);

	(void)state;
	assert_no_answer(s, ABOUT(ANSWER_ALPN));
	free(s);
	/* Any bytes may be the name of one. */
	SSL_CTX_set_alpn_protos(a.client, (const unsigned char *)"\5s\0p/2\1x", 8);
	SSL_CTX_set_alpn_select_cb(a.server, choose_protocol, NULL);
	s = ask_about(&a);
	assert_answer(s, ABOUT(ANSWER_ALPN), "s\0p/2", 5);
	end(&a, s);
}

static void test_group(void **state)
{
	static const struct {
		int version;
		const char *group, *answer;
	} rows[] = {
		{TLS1_3_VERSION, "X25519", "x25519"},
		{TLS1_3_VERSION, "P-384", "secp384r1"},
		{TLS1_2_VERSION, "P-256", "secp256r1"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		struct asked a = start(rows[i].version, NULL);
		struct snapshot *s;

		assert_int_equal(SSL_CTX_set1_groups_list(a.client, rows[i].group), 1);
		s = ask_about(&a);
		assert_answer_text(s, ABOUT(ANSWER_GROUP), rows[i].answer);
		end(&a, s);
	}
}

static void test_hybrid_group(void **state)
{
	static const char name[] = "X25519MLKEM768";
	struct snapshot *s;
	struct asked a;

	(void)state;
	need_group(name);
	a = start(TLS1_3_VERSION, NULL);
	assert_int_equal(SSL_CTX_set1_groups_list(a.client, name), 1);
	s = ask_about(&a);
	assert_answer_text(s, ABOUT(ANSWER_GROUP), name);
	end(&a, s);
}

static void test_no_group(void **state)
{
	struct identity rsa = make_identity("RSA", "rsa", NULL);
	struct asked a = {.server = server_context(&rsa, KTLS_VERIFY_NONE, NULL),
		.client = client_context(TLS1_2_VERSION, "AES256-GCM-SHA384")};
	struct snapshot *s = ask_about(&a);

	(void)state;
	assert_no_answer(s, ABOUT(ANSWER_GROUP));
	end(&a, s);
	free_identity(&rsa);
}

static void test_time(void **state)
{
	struct asked a = start(TLS1_3_VERSION, NULL);
	struct snapshot *s;

	(void)state;
	a.about.handshake_ms = 4000000000;
	s = ask_about(&a);
	assert_answer_text(s, ABOUT(ANSWER_HANDSHAKE_TIME), "4000000000");
	assert_answer_text(s, ABOUT(ANSWER_RESUMED), "0");
	end(&a, s);
}

/* The handshake's own clock: as long as the test held the client's Finished back, or longer. */
static void test_clock(void **state)
{
	struct asked a = start(TLS1_3_VERSION, NULL);
	struct timespec pause = {.tv_nsec = 30 * 1000000};
	struct ktls_session_keys keys;
	struct connection c;

	(void)state;
	connection_open(&c, a.server, a.client);
	nanosleep(&pause, NULL);
	assert_int_equal(ktls_handshake_milliseconds(c.server), 0);
	connection_establish(&c, &keys);
	assert_true(ktls_handshake_milliseconds(c.server) >= 29);
	connection_close(&c);
	end(&a, NULL);
}

static void check_pem(const struct snapshot *s, struct question q, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	long len;

	assert_true(PEM_write_bio_X509(bio, cert));
	len = BIO_get_mem_data(bio, &pem);
	assert_answer(s, q, pem, (size_t)len);
	BIO_free(bio);
}

static void test_chain(void **state)
{
	struct asked a = start(TLS1_3_VERSION, &friend_id);
	struct question q = {.field = ANSWER_CHAIN};
	struct snapshot *s = ask_about(&a);
	size_t without = s->size;

	(void)state;
	assert_no_answer(s, q); /* nobody wanted it kept */
	free(s);
	a.about.keep_chain = 1;
	s = ask_about(&a);
	assert_int_equal(s->size, without + sizeof(uint32_t) + (size_t)i2d_X509(ca.cert, NULL));
	check_pem(s, q, friend_id.cert);
	q.index = 1;
	check_pem(s, q, ca.cert);
	for (unsigned i = 0; i < 3; i++) {
		q.index = (const int[]){2, -1, INT32_MAX}[i];
		assert_no_answer(s, q);
	}
	end(&a, s);
}

static void test_no_chain(void **state)
{
	struct asked a = start(TLS1_3_VERSION, NULL);
	struct snapshot *s;

	(void)state;
	a.about.keep_chain = 1;
	s = ask_about(&a);
	assert_no_answer(s, (struct question){.field = ANSWER_CHAIN});
	end(&a, s);
}

static void test_certificate(void **state)
{
	struct asked a = start(TLS1_3_VERSION, &friend_id);
	unsigned char digest[32];
	char hex[65];
	struct snapshot *s;

	(void)state;
	s = ask_about(&a);
	assert_int_equal(X509_digest(friend_id.cert, EVP_sha256(), digest, NULL), 1);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	assert_answer_text(s, ABOUT(ANSWER_FINGERPRINT), hex);
	check_pem(s, ABOUT(ANSWER_PEM), friend_id.cert);
	end(&a, s);
}

/* Alternative names in the order of the certificate, of several types; an address of no known length. */
static void add_names(X509 *cert)
{
	static const unsigned char odd[] = {10, 0, 0};
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name;

	for (unsigned i = 0; i < 3; i++) {
		ASN1_IA5STRING *text = ASN1_IA5STRING_new();

		name = GENERAL_NAME_new();
		ASN1_STRING_set(text, (const char *[]){"a.example", "", "c\r\nX: \"%41\""}[i], -1);
		GENERAL_NAME_set0_value(name, GEN_DNS, text);
		sk_GENERAL_NAME_push(names, name);
	}
	for (unsigned i = 0; i < 2; i++) {
		ASN1_OCTET_STRING *bytes = i ? a2i_IPADDRESS("2001:db8::1") : ASN1_OCTET_STRING_new();

		name = GENERAL_NAME_new();
		if (!i)
			ASN1_OCTET_STRING_set(bytes, odd, sizeof(odd));
		GENERAL_NAME_set0_value(name, GEN_IPADD, bytes);
		sk_GENERAL_NAME_push(names, name);
	}
	assert_int_equal(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE), 1);
	GENERAL_NAMES_free(names);
	assert_true(X509_sign(cert, ca.key, EVP_sha256()) > 0);
}

static struct question san(int field, int type, int index)
{
	return (struct question){.field = (uint8_t)field, .san = (uint8_t)type, .index = index};
}

static void test_alternative_names(void **state)
{
	struct identity many = make_identity("EC", "many", &ca);
	struct asked a = start(TLS1_3_VERSION, &friend_id);
	struct question q = san(ANSWER_SAN, GEN_DNS, 2);
	struct snapshot *s = ask_about(&a);

	(void)state;
	assert_no_answer(s, san(ANSWER_SAN, GEN_DNS, 0));
	assert_answer_text(s, san(ANSWER_SAN_COUNT, GEN_DNS, 0), "0");
	end(&a, s);
	add_names(many.cert);
	a = start(TLS1_3_VERSION, &many);
	s = ask_about(&a);
	assert_answer_text(s, san(ANSWER_SAN, GEN_DNS, 0), "a.example");
	assert_answer_text(s, san(ANSWER_SAN, GEN_DNS, 1), "");
	assert_answer_text(s, q, "c\r\nX: \"%41\"");
	q.escaped = 1;
	assert_answer_text(s, q, "c%0d%0aX%3a%20%22%2541%22");
	assert_no_answer(s, san(ANSWER_SAN, GEN_DNS, 3));
	assert_no_answer(s, san(ANSWER_SAN, GEN_DNS, -1));
	assert_no_answer(s, san(ANSWER_SAN, GEN_IPADD, 0));
	assert_answer_text(s, san(ANSWER_SAN, GEN_IPADD, 1), "2001:db8::1");
	assert_answer_text(s, san(ANSWER_SAN_COUNT, GEN_DNS, 0), "3");
	assert_answer_text(s, san(ANSWER_SAN_COUNT, GEN_IPADD, 0), "2");
	assert_answer_text(s, san(ANSWER_SAN_COUNT, GEN_URI, 0), "0");
	end(&a, s);
	free_identity(&many);
}

static void test_no_certificate(void **state)
{
	struct asked a = start(TLS1_3_VERSION, NULL);
	struct snapshot *s = ask_about(&a);

	(void)state;
	for (int field = ANSWER_CHAIN; field < ANSWER_FIELDS; field++)
		for (int own = 0; own < 2; own++)
			for (int escaped = 0; escaped < 2; escaped++)
				assert_no_answer(s, (struct question){.field = (uint8_t)field,
							    .own = (uint8_t)own,
							    .escaped = (uint8_t)escaped});
	end(&a, s);
}

/* The certificate that was parsed last is kept; it must not answer for another. */
static void test_two_in_turn(void **state)
{
	struct identity other = make_identity("EC", "zriend", &ca); /* of the same length, mostly */
	struct asked a = start(TLS1_3_VERSION, &friend_id), b = start(TLS1_3_VERSION, &other);
	struct snapshot_cert *own = keep_cert(server_id.cert);
	struct snapshot *s[2];

	(void)state;
	a.about.own = own;
	s[0] = ask_about(&a);
	s[1] = ask_about(&b);
	for (int i = 0; i < 6; i++) {
		assert_answer_text(s[i & 1], PEER_SUBJECT_CN, i & 1 ? "zriend" : "friend");
		if (!(i & 1))
			assert_answer_text(s[0], OWN_SUBJECT_CN, "server");
	}
	/* In the very same place. */
	assert_true(s[0]->peer_len >= s[1]->peer_len || s[1]->peer_len - s[0]->peer_len < 8);
	memcpy(s[0]->data + s[0]->peer, s[1]->data + s[1]->peer,
		s[0]->peer_len < s[1]->peer_len ? s[0]->peer_len : s[1]->peer_len);
	if (s[0]->peer_len >= s[1]->peer_len)
		assert_answer_text(s[0], PEER_SUBJECT_CN, "zriend");
	end(&a, s[0]);
	end(&b, s[1]);
	free(own);
	free_identity(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server_name),
		cmocka_unit_test(test_server_name_of_resumed),
		cmocka_unit_test(test_protocol),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_hybrid_group),
		cmocka_unit_test(test_no_group),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_no_chain),
		cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_alternative_names),
		cmocka_unit_test(test_no_certificate),
		cmocka_unit_test(test_two_in_turn),
	};

	return cmocka_run_group_tests_name("select_fields", tests, make_identities, free_identities);
}
