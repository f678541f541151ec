/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handshakes in both roles whose peer sends any bytes, or is OpenSSL and has its bytes cut, changed and mixed
 * with others on the way. OpenSSL is not what is looked for: this library's steps between the bytes are.
 */
#include "fuzz.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>

enum {
	SHORTEST_END =
		51, /* no ChangeCipherSpec with a Finished is shorter in any suite than what is asked for */
};

static SSL_CTX *contexts[2];      /* ours, by role */
static SSL_CTX *peer_contexts[2]; /* by our role */

static SSL_CTX *make_context(int is_server, EVP_PKEY *key, X509 *cert)
{
	SSL_CTX *ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());

	REQUIRE(ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION));
	REQUIRE(!is_server ||
		(SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1));
	return ctx;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	(void)argc;
	(void)argv;
	REQUIRE(key && cert);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600 * 24 * 365);
	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"fuzz", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	REQUIRE(X509_sign(cert, key, EVP_sha256()) > 0);
	for (int role = KTLS_SERVER; role <= KTLS_CLIENT; role++) {
		contexts[role] = make_context(role == KTLS_SERVER, key, cert);
		peer_contexts[role] = make_context(role == KTLS_CLIENT, key, cert);
		REQUIRE(ktls_context_prepare(contexts[role],
				role == KTLS_SERVER ? KTLS_VERIFY_REQUEST : KTLS_VERIFY_NONE) == 0);
	}
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}

/* Rules that hold at any time. */
static void check(const struct ktls_handshake *h, enum ktls_handshake_state state)
{
	struct ktls_session_keys keys;
	size_t want = ktls_handshake_want(h);
	int rc = ktls_handshake_keys(h, &keys);

	REQUIRE((state == KTLS_HANDSHAKE_RUNNING) == (want > 0));
	REQUIRE(want <= KTLS_HEADER_LEN + SSL3_RT_MAX_ENCRYPTED_LENGTH + SHORTEST_END);
	REQUIRE((state == KTLS_HANDSHAKE_FAILED) == (*ktls_handshake_error(h) != 0));
	REQUIRE(state == KTLS_HANDSHAKE_DONE ? rc == 0 || rc == -EOPNOTSUPP : rc == -EINVAL);
	REQUIRE(rc == 0 || (!keys.rx_secret.len && !keys.rx.version));
}

/* Feeds bytes as wanted, in pieces of at most `piece` bytes. Returns how many were taken. */
static size_t feed(struct ktls_handshake *h, const uint8_t *p, size_t len, size_t piece)
{
	size_t off = 0, want;

	while (off < len && (want = ktls_handshake_want(h))) {
		size_t n = want < len - off ? want : len - off;

		n = n < piece ? n : piece;
		check(h, ktls_handshake_feed(h, p + off, n));
		off += n;
	}
	return off;
}

/* Hands output to the peer, or to nobody for NULL. Returns its length. */
static size_t carry(struct ktls_handshake *h, SSL *peer, size_t piece)
{
	size_t len, all = 0;
	const uint8_t *p = ktls_handshake_output(h, &len);

	while (len) {
		size_t n = len < piece ? len : piece;

		if (peer)
			BIO_write(SSL_get_rbio(peer), p, (int)n);
		ktls_handshake_sent(h, n);
		all += n;
		p = ktls_handshake_output(h, &len);
	}
	return all;
}

static SSL *make_peer(enum ktls_role role, uint8_t kind)
{
	SSL *ssl = SSL_new(peer_contexts[role]);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	REQUIRE(ssl && in && out);
	BIO_set_mem_eof_return(in, -1);
	BIO_set_mem_eof_return(out, -1);
	SSL_set_bio(ssl, in, out);
	if (kind & 1)
		SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
	if (kind & 2) /* asks for another hello */
		SSL_set1_groups_list(ssl, role == KTLS_SERVER ? "P-521:P-256" : "P-521");
	if (kind & 4)
		SSL_set_max_send_fragment(ssl, 512);
	if (role == KTLS_SERVER)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	return ssl;
}

/* One flight of the peer, of which the input says what becomes of it. Returns 0 when nothing moved. */
static size_t fly(struct ktls_handshake *h, SSL *peer, struct input *in)
{
	static uint8_t flight[32768];
	uint8_t op = take(in), arg = take(in);
	size_t piece = op & 8 ? 1u + arg : SIZE_MAX, len, moved;
	const uint8_t *p;
	int n;

	SSL_do_handshake(peer);
	ERR_clear_error();
	n = BIO_read(SSL_get_wbio(peer), flight, sizeof(flight) / 2);
	len = n > 0 ? (size_t)n : 0;
	if ((op & 3) == 1 && len) /* a changed byte */
		flight[((size_t)take(in) << 8 | take(in)) % len] ^= arg;
	if ((op & 3) == 2) { /* bytes of somebody else behind it */
		size_t more = take_run(in, arg, &p);

		memcpy(flight + len, p, more);
		len += more;
	}
	if ((op & 3) == 3) { /* and in front of it: fed at once */
		size_t before = take_run(in, arg, &p);

		feed(h, p, before, piece);
	}
	moved = feed(h, flight, len, piece);
	return moved + carry(h, peer, piece);
}

static void with_peer(struct ktls_handshake *h, enum ktls_role role, struct input *in)
{
	SSL *peer = make_peer(role, take(in));

	for (unsigned i = 0; i < 20; i++)
		if (!fly(h, peer, in) && i > 2)
			break;
	SSL_free(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = {data, len};
	uint8_t kind = take(&in);
	enum ktls_role role = kind & 1 ? KTLS_CLIENT : KTLS_SERVER;
	struct ktls_handshake *h = ktls_handshake_new(contexts[role], role);

	REQUIRE(h);
	if (role == KTLS_CLIENT)
		check(h, ktls_handshake_start(h));
	if (kind & 2) {
		with_peer(h, role, &in);
	} else {
		feed(h, in.p, in.left, kind & 4 ? 3 : SIZE_MAX);
		carry(h, NULL, SIZE_MAX);
	}
	if (kind & 8 && !ktls_handshake_want(h) && !*ktls_handshake_error(h)) {
		SSL *ssl = ktls_handshake_take_ssl(h);

		SSL_free(ssl);
	}
	ktls_handshake_free(h);
	ERR_clear_error();
	return 0;
}
