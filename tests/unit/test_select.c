/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a script learns of a connection, out of snapshots of real handshakes. Names are in test_select_names.
 */
#include "asking.h"

#include "ktls/nic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct identity rsa, ec, ca, friend_id, stranger;

static int make_identities(void **state)
{
	(void)state;
	rsa = make_identity("RSA", "rsa.example.org", NULL);
	ec = make_identity("EC", "ec.example.org", NULL);
	ca = make_identity("EC", "authority", NULL);
	friend_id = make_identity("EC", "friend", &ca);
	stranger = make_identity("EC", "stranger", NULL);
	return 0;
}

static int free_identities(void **state)
{
	(void)state;
	free_identity(&rsa);
	free_identity(&ec);
	free_identity(&ca);
	free_identity(&friend_id);
	free_identity(&stranger);
	return 0;
}

/* A snapshot of a connection with a client of that version, suite and certificate (or NULL). */
static struct snapshot *connect_as(const struct identity *server, enum ktls_verify verify, int version,
	const char *suite, const struct identity *client)
{
	struct asked a = {.server = server_context(server, verify, &ca),
		.client = client_context(version, suite),
		.about.home = KTLS_HOME_USER};
	struct snapshot *s;

	SSL_CTX_set_dh_auto(a.server, 1);
	if (client)
		use_identity(a.client, client);
	s = ask_about(&a);
	SSL_CTX_free(a.server);
	SSL_CTX_free(a.client);
	return s;
}

/* Written out, not asked of OpenSSL: scripts compare these strings, so a change of them must be seen. */
static const struct suite {
	int version;
	const struct identity *id;
	const char *name, *bits, *description;
} suites[] = {
	{TLS1_3_VERSION, &ec, "TLS_AES_128_GCM_SHA256", "128",
		"TLS_AES_128_GCM_SHA256         TLSv1.3 Kx=any      Au=any   Enc=AESGCM(128)            "
		"Mac=AEAD\n"},
	{TLS1_3_VERSION, &ec, "TLS_AES_256_GCM_SHA384", "256",
		"TLS_AES_256_GCM_SHA384         TLSv1.3 Kx=any      Au=any   Enc=AESGCM(256)            "
		"Mac=AEAD\n"},
	{TLS1_3_VERSION, &rsa, "TLS_CHACHA20_POLY1305_SHA256", "256",
		"TLS_CHACHA20_POLY1305_SHA256   TLSv1.3 Kx=any      Au=any   Enc=CHACHA20/POLY1305(256) "
		"Mac=AEAD\n"},
	{TLS1_2_VERSION, &ec, "ECDHE-ECDSA-AES128-GCM-SHA256", "128",
		"ECDHE-ECDSA-AES128-GCM-SHA256  TLSv1.2 Kx=ECDH     Au=ECDSA Enc=AESGCM(128)            "
		"Mac=AEAD\n"},
	{TLS1_2_VERSION, &ec, "ECDHE-ECDSA-AES256-GCM-SHA384", "256",
		"ECDHE-ECDSA-AES256-GCM-SHA384  TLSv1.2 Kx=ECDH     Au=ECDSA Enc=AESGCM(256)            "
		"Mac=AEAD\n"},
	{TLS1_2_VERSION, &ec, "ECDHE-ECDSA-CHACHA20-POLY1305", "256",
		"ECDHE-ECDSA-CHACHA20-POLY1305  TLSv1.2 Kx=ECDH     Au=ECDSA Enc=CHACHA20/POLY1305(256) "
		"Mac=AEAD\n"},
	{TLS1_2_VERSION, &rsa, "ECDHE-RSA-AES128-GCM-SHA256", "128",
		"ECDHE-RSA-AES128-GCM-SHA256    TLSv1.2 Kx=ECDH     Au=RSA   Enc=AESGCM(128)            "
		"Mac=AEAD\n"},
	{TLS1_2_VERSION, &rsa, "ECDHE-RSA-AES256-GCM-SHA384", "256",
		"ECDHE-RSA-AES256-GCM-SHA384    TLSv1.2 Kx=ECDH     Au=RSA   Enc=AESGCM(256)            "
		"Mac=AEAD\n"},
	{TLS1_2_VERSION, &rsa, "ECDHE-RSA-CHACHA20-POLY1305", "256",
		"ECDHE-RSA-CHACHA20-POLY1305    TLSv1.2 Kx=ECDH     Au=RSA   Enc=CHACHA20/POLY1305(256) "
		"Mac=AEAD\n"},
	{TLS1_2_VERSION, &rsa, "DHE-RSA-AES128-GCM-SHA256", "128",
		"DHE-RSA-AES128-GCM-SHA256      TLSv1.2 Kx=DH       Au=RSA   Enc=AESGCM(128)            "
		"Mac=AEAD\n"},
	{TLS1_2_VERSION, &rsa, "AES256-GCM-SHA384", "256",
		"AES256-GCM-SHA384              TLSv1.2 Kx=RSA      Au=RSA   Enc=AESGCM(256)            "
		"Mac=AEAD\n"},
};

static void test_suites(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(suites); i++) {
		const struct suite *want = &suites[i];
		struct snapshot *s = connect_as(want->id, KTLS_VERIFY_NONE, want->version, want->name, NULL);

		assert_answer_text(s, ABOUT(ANSWER_DESCRIPTION), want->description);
		assert_answer_text(
			s, ABOUT(ANSWER_VERSION), want->version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
		assert_answer_text(s, ABOUT(ANSWER_CIPHER), want->name);
		assert_answer_text(s, ABOUT(ANSWER_BITS), want->bits);
		free(s);
	}
}

static void test_homes(void **state)
{
	static const char *const words[] = {[KTLS_HOME_USER] = "user", [KTLS_HOME_KERNEL] = "kernel"};
	struct asked a = {.server = server_context(&ec, KTLS_VERIFY_NONE, NULL),
		.client = client_context(TLS1_3_VERSION, NULL)};

	(void)state;
	for (unsigned home = 0; home < COUNT(words); home++) {
		struct snapshot *s;

		a.about.home = (enum ktls_home)home;
		s = ask_about(&a);
		assert_answer_text(s, ABOUT(ANSWER_OFFLOAD), words[home]);
		assert_int_equal(snapshot_check(s, s->size), 0);
		free(s);
	}
	SSL_CTX_free(a.server);
	SSL_CTX_free(a.client);
}

/* A card works on one direction at least of what is in the kernel, and on nothing else. */
static void test_nic(void **state)
{
	struct asked a = {.server = server_context(&ec, KTLS_VERIFY_NONE, NULL),
		.client = client_context(TLS1_3_VERSION, NULL)};
	struct snapshot *s;

	(void)state;
	a.about.home = KTLS_HOME_KERNEL;
	s = ask_about(&a);
	for (unsigned nic = KTLS_NIC_TX; nic <= (KTLS_NIC_TX | KTLS_NIC_RX); nic++) {
		s->home = KTLS_HOME_KERNEL;
		s->nic = (uint8_t)nic;
		assert_answer_text(s, ABOUT(ANSWER_OFFLOAD), "nic");
		assert_int_equal(snapshot_check(s, s->size), 0);
		s->home = KTLS_HOME_USER;
		assert_answer_text(s, ABOUT(ANSWER_OFFLOAD), "user");
		assert_int_equal(snapshot_check(s, s->size), -EINVAL);
	}
	s->home = KTLS_HOME_KERNEL;
	s->nic = (KTLS_NIC_TX | KTLS_NIC_RX) + 1;
	assert_int_equal(snapshot_check(s, s->size), -EINVAL);
	free(s);
	SSL_CTX_free(a.server);
	SSL_CTX_free(a.client);
}

static void check_peer(enum ktls_verify verify, const struct identity *client, const char *subject,
	const char *issuer, const char *verified)
{
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct snapshot *s = connect_as(&ec, verify, version, NULL, client);

		assert_answer_text(s, ABOUT(ANSWER_VERIFIED), verified);
		if (subject) {
			assert_answer_text(s, PEER_SUBJECT_CN, subject);
			assert_answer_text(s, PEER_ISSUER_CN, issuer);
		} else {
			assert_no_answer(s, PEER_SUBJECT_CN);
			assert_no_answer(s, PEER_ISSUER_CN);
		}
		/* Nothing was said about our own. */
		assert_no_answer(s, OWN_SUBJECT_CN);
		assert_no_answer(s, OWN_ISSUER_CN);
		free(s);
	}
}

/* OpenSSL's verification "succeeds" where nothing was shown; a script must not take that for a known peer. */
static void test_no_certificate(void **state)
{
	(void)state;
	check_peer(KTLS_VERIFY_NONE, NULL, NULL, NULL, "0");
	check_peer(KTLS_VERIFY_NONE, &friend_id, NULL, NULL, "0");
	check_peer(KTLS_VERIFY_REQUEST, NULL, NULL, NULL, "0");
	check_peer(KTLS_VERIFY_OPTIONAL, NULL, NULL, NULL, "0");
}

static void test_verified(void **state)
{
	(void)state;
	check_peer(KTLS_VERIFY_REQUEST, &friend_id, "friend", "authority", "1");
	check_peer(KTLS_VERIFY_OPTIONAL, &friend_id, "friend", "authority", "1");
	check_peer(KTLS_VERIFY_REQUIRE, &friend_id, "friend", "authority", "1");
}

static void test_not_verified(void **state)
{
	(void)state;
	check_peer(KTLS_VERIFY_REQUEST, &stranger, "stranger", "stranger", "0");
}

/* A ticket brings the client's certificate back: in TLS 1.2 and 1.3 the second connection shows none itself.
 */
static void test_resumed(void **state)
{
	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *server = server_context(&ec, KTLS_VERIFY_REQUEST, &ca);
		SSL_CTX *client = client_context(version, NULL);
		struct asked a = {.server = server, .client = client};
		struct ktls_session_keys keys;
		struct snapshot *fresh, *again;
		struct connection c;
		size_t size;

		use_identity(client, &friend_id);
		fresh = ask_about(&a);
		connection_open(&c, server, client);
		connection_establish(&c, &keys);
		connection_talk(&c, &keys); /* takes the tickets that follow a TLS 1.3 handshake */
		SSL_SESSION *session = SSL_get1_session(c.client);
		connection_close(&c);
		connection_open(&c, server, client);
		SSL_set_session(c.client, session);
		connection_establish(&c, &keys);
		assert_int_equal(SSL_session_reused(c.client), 1);
		size = snapshot_size(ktls_handshake_ssl(c.server), &a.about);
		again = malloc(size);
		assert_int_equal(snapshot_take(again, size, ktls_handshake_ssl(c.server), &a.about), 0);
		connection_close(&c);
		assert_int_equal(size, fresh->size);
		assert_int_equal(again->resumed, 1);
		again->resumed = 0; /* the one difference */
		assert_memory_equal(again, fresh, size);
		assert_answer_text(again, PEER_SUBJECT_CN, "friend");
		assert_answer_text(again, ABOUT(ANSWER_VERIFIED), "1");
		free(fresh);
		free(again);
		SSL_SESSION_free(session);
		SSL_CTX_free(client);
		SSL_CTX_free(server);
	}
}

static void test_own_certificate(void **state)
{
	struct snapshot_cert *own = keep_cert(friend_id.cert);
	struct asked a = {.server = server_context(&friend_id, KTLS_VERIFY_NONE, NULL),
		.client = client_context(TLS1_3_VERSION, NULL),
		.about.own = own};
	struct snapshot *s = ask_about(&a);

	(void)state;
	assert_answer_text(s, OWN_SUBJECT_CN, "friend");
	assert_answer_text(s, OWN_ISSUER_CN, "authority");
	own->len = 0; /* an empty one is none */
	assert_no_answer(s, OWN_SUBJECT_CN);
	assert_no_answer(s, OWN_ISSUER_CN);
	free(s);
	free(own);
	SSL_CTX_free(a.server);
	SSL_CTX_free(a.client);
}

static void test_too_small(void **state)
{
	struct snapshot_about about = {.home = KTLS_HOME_USER, .keep_chain = 1};
	SSL_CTX *server = server_context(&ec, KTLS_VERIFY_REQUEST, &ca);
	SSL_CTX *client = client_context(TLS1_3_VERSION, NULL);
	struct ktls_session_keys keys;
	struct connection c;
	size_t size;
	SSL *ssl;

	(void)state;
	use_identity(client, &friend_id);
	connection_open(&c, server, client);
	connection_establish(&c, &keys);
	ssl = ktls_handshake_ssl(c.server);
	size = snapshot_size(ssl, &about);
	for (size_t n = 0; n < size; n++) {
		struct snapshot *s = malloc(n ? n : 1); /* every byte beyond n is the sanitizer's */

		assert_int_equal(snapshot_take(s, n, ssl, &about), -ENOSPC);
		free(s);
	}
	connection_close(&c);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}

static struct snapshot *full_snapshot(const struct snapshot_cert *own)
{
	struct asked a = {.server = server_context(&ec, KTLS_VERIFY_REQUEST, &ca),
		.client = client_context(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"),
		.about.home = KTLS_HOME_KERNEL,
		.about.own = own};
	struct snapshot *s;

	use_identity(a.client, &friend_id);
	s = ask_about(&a);
	SSL_CTX_free(a.server);
	SSL_CTX_free(a.client);
	return s;
}

/* All answers of full_snapshot(); 0 if they are right. For a process that has no test of its own, too. */
static int check_full(const struct snapshot *s)
{
	static const struct {
		struct question q;
		const char *text;
	} want[] = {
		{{.field = ANSWER_DESCRIPTION}, "TLS_AES_128_GCM_SHA256         TLSv1.3 Kx=any      Au=any   "
						"Enc=AESGCM(128)            "
						"Mac=AEAD\n"},
		{{.field = ANSWER_VERSION}, "TLSv1.3"},
		{{.field = ANSWER_CIPHER}, "TLS_AES_128_GCM_SHA256"},
		{{.field = ANSWER_BITS}, "128"},
		{{.field = ANSWER_OFFLOAD}, "kernel"},
		{{.field = ANSWER_SUBJECT, .own = 0, .nid = NID_commonName}, "friend"},
		{{.field = ANSWER_ISSUER, .own = 0, .nid = NID_commonName}, "authority"},
		{{.field = ANSWER_VERIFIED}, "1"},
		{{.field = ANSWER_SUBJECT, .own = 1, .nid = NID_commonName}, "ec.example.org"},
		{{.field = ANSWER_ISSUER, .own = 1, .nid = NID_commonName}, "ec.example.org"},
	};
	char buf[ANSWER_MAX];

	for (unsigned i = 0; i < COUNT(want); i++) {
		ssize_t n = snapshot_answer(s, &want[i].q, buf);

		if (n != (ssize_t)strlen(want[i].text) || memcmp(buf, want[i].text, (size_t)n))
			return 1;
	}
	return 0;
}

static void test_moved(void **state)
{
	struct snapshot_cert *own = keep_cert(ec.cert);
	struct snapshot *s = full_snapshot(own), *elsewhere;
	size_t size = s->size;

	(void)state;
	assert_int_equal(check_full(s), 0);
	elsewhere = malloc(size);
	memcpy(elsewhere, s, size);
	memset(s, 0, size);
	free(s);
	assert_int_equal(check_full(elsewhere), 0);
	free(elsewhere);
	free(own);
}

/* As in the server: one process writes it, others read it. */
static void test_other_process(void **state)
{
	struct snapshot_cert *own = keep_cert(ec.cert);
	struct snapshot *s = full_snapshot(own), *shared;
	size_t size = s->size;
	int status;
	pid_t pid;

	(void)state;
	shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	memcpy(shared, s, size);
	/* Whoever answers writes nothing: a page that may only be read is enough. */
	assert_int_equal(mprotect(shared, size, PROT_READ), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(check_full(shared));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	munmap(shared, size);
	free(s);
	free(own);
}

static void test_unknown_field(void **state)
{
	struct snapshot *s = full_snapshot(NULL);

	(void)state;
	assert_no_answer(s, ABOUT(ANSWER_FIELDS));
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suites),
		cmocka_unit_test(test_homes),
		cmocka_unit_test(test_nic),
		cmocka_unit_test(test_no_certificate),
		cmocka_unit_test(test_verified),
		cmocka_unit_test(test_not_verified),
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_own_certificate),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_other_process),
		cmocka_unit_test(test_unknown_field),
	};

	return cmocka_run_group_tests_name("select", tests, make_identities, free_identities);
}
