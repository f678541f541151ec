/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/handshake.h"

#include "ktls/clock.h"
#include "ktls/name.h"
#include "ktls/reason.h"
#include "ktls/record.h"
#include "ktls/staple.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What may be read at once without taking anything that stands behind the peer's Finished. */
enum {
	READ_FIRST = KTLS_MAX_RECORD, /* nobody can finish before we have spoken */
	CCS_LEN = KTLS_HEADER_LEN + 1,
	/* The shortest Finished of TLS 1.2: its message (RFC 5246 7.4.9) and a tag of 16 bytes. */
	FINISHED_12 = KTLS_HEADER_LEN + 4 + 12 + 16,
	/* RFC 8446 4.4.4, 5.2: its message with the shortest digest, a content type, the shortest tag. */
	FINISHED_13 = KTLS_HEADER_LEN + 4 + 32 + 1 + 8,
	/* A protected record that has its last byte, because one before it had the rest (RFC 8446 5.1). */
	PROTECTED_LEAST = KTLS_HEADER_LEN + 1 + 1 + 8,
};

struct ktls_handshake {
	SSL *ssl;
	enum ktls_role role;
	enum ktls_handshake_state state;
	enum ktls_handshake_cause cause;
	int has_spoken; /* there was output */
	uint8_t header[KTLS_HEADER_LEN];
	size_t have;   /* bytes of the record that is being read, the header's first */
	size_t walked; /* bytes of the unsent output that count_output() has seen */
	/* Facts about records that OpenSSL does not report, counted from the bytes themselves. */
	unsigned tx_last_call; /* protected records of the step that ended the handshake */
	unsigned tx_after_ccs; /* records sent after our ChangeCipherSpec */
	unsigned rx_after_ccs; /* records received after the client's */
	int ccs_sent, ccs_received;
	int rx_protected;           /* a protected handshake record came */
	uint64_t tx_explicit_nonce; /* of the last record sent after our ChangeCipherSpec */
	struct ktls_secret client_secret, server_secret; /* TLS 1.3 application traffic */
	int64_t started;                                 /* milliseconds of CLOCK_MONOTONIC */
	unsigned milliseconds;
	char error[64 + KTLS_NAME_REFUSAL_MAX];
	char *key_log; /* KTLS_KEY_LOG_MAX bytes, or NULL */
};

static void fail(struct ktls_handshake *h, enum ktls_handshake_cause cause, const char *phrase)
{
	h->state = KTLS_HANDSHAKE_FAILED;
	h->cause = cause;
	snprintf(h->error, sizeof(h->error), "%s", phrase);
}

static void log_line(struct ktls_handshake *h, const char *line)
{
	size_t len = strlen(h->key_log), room = KTLS_KEY_LOG_MAX - len;

	if (strlen(line) + sizeof("\n") <= room)
		snprintf(h->key_log + len, room, "%s\n", line);
}

/* The only way in which OpenSSL hands out TLS 1.3 secrets: "LABEL client_random secret" in hexadecimal. */
static void keep_secret(const SSL *ssl, const char *line)
{
	struct ktls_handshake *h = SSL_get_app_data(ssl);
	struct ktls_secret *secret;
	size_t len;
	const char *hex = strrchr(line, ' ');

	if (!h || !hex)
		return;
	if (h->key_log)
		log_line(h, line);
	if (!strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24))
		secret = &h->client_secret;
	else if (!strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24))
		secret = &h->server_secret;
	else
		return;
	secret->len = 0;
	if (OPENSSL_hexstr2buf_ex(secret->bytes, sizeof(secret->bytes), &len, hex + 1, '\0') == 1)
		secret->len = (uint8_t)len;
}

/* OpenSSL keeps the name with a TLS 1.2 session, for when it is resumed, only if a callback accepted it. */
static int take_any_name(SSL *ssl, int *alert, void *arg)
{
	(void)ssl;
	(void)alert;
	(void)arg;
	return SSL_TLSEXT_ERR_OK;
}

static int take_any_certificate(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

/*
 * From OpenSSL 3.2 on, whoever takes the SSL object over learns of records only if there was a callback when
 * their keys were made.
 */
static void ignore_message(int sent, int version, int type, const void *p, size_t len, SSL *ssl, void *arg)
{
	(void)sent;
	(void)version;
	(void)type;
	(void)p;
	(void)len;
	(void)ssl;
	(void)arg;
}

int ktls_context_prepare(SSL_CTX *ctx, enum ktls_verify verify)
{
	static const unsigned char session_context[] = "ser-ktls";

	SSL_CTX_set_keylog_callback(ctx, keep_secret);
	SSL_CTX_set_msg_callback(ctx, ignore_message);
	SSL_CTX_set_options(
		ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_tlsext_servername_callback(ctx, take_any_name);
	/* Without it OpenSSL refuses to resume sessions if client certificates are requested. */
	if (SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context) - 1) != 1)
		return -ENOMEM;
	switch (verify) {
	case KTLS_VERIFY_NONE:
		SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
		break;
	case KTLS_VERIFY_REQUEST:
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, take_any_certificate);
		break;
	case KTLS_VERIFY_OPTIONAL:
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		break;
	case KTLS_VERIFY_REQUIRE:
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		break;
	}
	return 0;
}

struct ktls_handshake *ktls_handshake_new(SSL_CTX *ctx, enum ktls_role role)
{
	struct ktls_handshake *h = calloc(1, sizeof(*h));
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	if (h)
		h->ssl = SSL_new(ctx);
	if (!h || !h->ssl || !in || !out) {
		BIO_free(in);
		BIO_free(out);
		ktls_handshake_free(h);
		return NULL;
	}
	h->role = role;
	h->started = ktls_clock_ms();
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(h->ssl, in, out);
	SSL_set_app_data(h->ssl, (char *)h);
	if (role == KTLS_SERVER)
		SSL_set_accept_state(h->ssl);
	else
		SSL_set_connect_state(h->ssl);
	return h;
}

void ktls_handshake_free(struct ktls_handshake *h)
{
	if (!h)
		return;
	/* The connection goes on without this object. Otherwise OpenSSL would mark the session as bad. */
	if (h->ssl && h->state == KTLS_HANDSHAKE_DONE)
		SSL_set_shutdown(h->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(h->ssl);
	OPENSSL_clear_free(h->key_log, KTLS_KEY_LOG_MAX);
	OPENSSL_cleanse(h, sizeof(*h));
	free(h);
}

int ktls_handshake_log_keys(struct ktls_handshake *h)
{
	if (!h->key_log)
		h->key_log = OPENSSL_zalloc(KTLS_KEY_LOG_MAX);
	return h->key_log ? 0 : -ENOMEM;
}

const char *ktls_handshake_key_log(const struct ktls_handshake *h)
{
	return h->key_log ? h->key_log : "";
}

static size_t record_len(const struct ktls_handshake *h)
{
	return KTLS_HEADER_LEN + ((size_t)h->header[3] << 8 | h->header[4]);
}

/* The least that the peer sends from the start of a record to the end of its Finished. */
static size_t least_to_come(const struct ktls_handshake *h, int after_ccs)
{
	const SSL_CIPHER *cipher = SSL_get_pending_cipher(h->ssl); /* NULL: the version is not known either */
	size_t finished = FINISHED_12;
	enum ktls_aead aead;

	if (h->rx_protected)
		return PROTECTED_LEAST;
	if (cipher && SSL_version(h->ssl) == TLS1_3_VERSION)
		return FINISHED_13;
	if (cipher && !ktls_aead_of_cipher(cipher, &aead) &&
		ktls_aead_info(aead)->tls12_salt_len != KTLS_IV_LEN)
		finished += KTLS_EXPLICIT_LEN;
	return after_ccs ? finished : CCS_LEN + finished;
}

size_t ktls_handshake_want(const struct ktls_handshake *h)
{
	int is_ccs = h->header[0] == KTLS_CHANGE_CIPHER_SPEC;

	if (h->state != KTLS_HANDSHAKE_RUNNING)
		return 0;
	if (!h->has_spoken)
		return READ_FIRST;
	if (h->have < KTLS_HEADER_LEN)
		return least_to_come(h, h->ccs_received) - h->have;
	/* A record in plain text is not the last one. */
	if (is_ccs || (h->header[0] == KTLS_HANDSHAKE && !h->ccs_received))
		return record_len(h) - h->have + least_to_come(h, is_ccs);
	return record_len(h) - h->have;
}

static void describe_refusal(struct ktls_handshake *h)
{
	long verify = SSL_get_verify_result(h->ssl);
	const char *phrase = X509_verify_cert_error_string(verify);

	if (*ktls_staple_refusal(h->ssl))
		phrase = ktls_staple_refusal(h->ssl);
	else if (verify == X509_V_ERR_HOSTNAME_MISMATCH && *ktls_name_refusal(h->ssl))
		phrase = ktls_name_refusal(h->ssl);
	h->state = KTLS_HANDSHAKE_FAILED;
	h->cause = KTLS_CAUSE_CERTIFICATE;
	snprintf(h->error, sizeof(h->error), "the peer's certificate was refused: %s", phrase);
}

/*
 * The error that says most: that memory is short, or else TLS's first one. The layers below and, from OpenSSL
 * 3.2 on, above report around it that they failed as well.
 */
static unsigned long take_error(void)
{
	unsigned long e, found = 0;

	while ((e = ERR_get_error())) {
		if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
			return e;
		if (ERR_GET_LIB(found) != ERR_LIB_SSL)
			found = e;
	}
	return found;
}

static enum ktls_handshake_cause cause_of(int reason)
{
	switch (reason) {
	case ERR_R_MALLOC_FAILURE:
		return KTLS_CAUSE_LOCAL;
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return KTLS_CAUSE_CERTIFICATE;
	case SSL_R_NO_APPLICATION_PROTOCOL:
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
	case SSL_R_NO_SUITABLE_KEY_SHARE:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
		return KTLS_CAUSE_NOTHING_SHARED;
	default:
		/* An alert has its number of 8 bits there. */
		return reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + UINT8_MAX
			       ? KTLS_CAUSE_ALERT
			       : KTLS_CAUSE_PROTOCOL;
	}
}

static void describe_failure(struct ktls_handshake *h)
{
	unsigned long e = take_error();

	if (ERR_GET_LIB(e) == ERR_LIB_SSL && (ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED ||
						     ERR_GET_REASON(e) == SSL_R_INVALID_STATUS_RESPONSE))
		describe_refusal(h);
	else if (!e && SSL_get_shutdown(h->ssl) & SSL_RECEIVED_SHUTDOWN)
		fail(h, KTLS_CAUSE_ENDED, "the peer closed the connection during the handshake");
	else
		fail(h, cause_of(ERR_GET_REASON(e)), ktls_reason(e));
}

/* Walks over the records that the last step appended to the output. */
static void count_output(struct ktls_handshake *h)
{
	char *data;
	size_t len = (size_t)BIO_get_mem_data(SSL_get_wbio(h->ssl), &data);
	const uint8_t *p = (const uint8_t *)data;

	h->has_spoken |= len > 0;
	h->tx_last_call = 0;
	while (h->walked + KTLS_HEADER_LEN <= len) {
		const uint8_t *r = p + h->walked;
		size_t body = (size_t)r[3] << 8 | r[4];

		if (r[0] == KTLS_CHANGE_CIPHER_SPEC) {
			h->ccs_sent = 1;
		} else {
			h->tx_after_ccs += h->ccs_sent;
			h->tx_last_call += r[0] == KTLS_APPLICATION_DATA;
			if (h->ccs_sent && body >= KTLS_EXPLICIT_LEN)
				h->tx_explicit_nonce = ktls_get_be64(r + KTLS_HEADER_LEN);
		}
		h->walked += KTLS_HEADER_LEN + body;
	}
}

static void run(struct ktls_handshake *h)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(h->ssl);
	count_output(h);
	if (rc == 1) {
		h->state = KTLS_HANDSHAKE_DONE;
		h->milliseconds = (unsigned)(ktls_clock_ms() - h->started);
	} else if (SSL_get_error(h->ssl, rc) != SSL_ERROR_WANT_READ) {
		describe_failure(h);
	}
	ERR_clear_error();
}

enum ktls_handshake_state ktls_handshake_start(struct ktls_handshake *h)
{
	run(h);
	if (h->state == KTLS_HANDSHAKE_FAILED) /* the peer is not involved yet */
		h->cause = KTLS_CAUSE_LOCAL;
	return h->state;
}

/* The record is whole. */
static void step(struct ktls_handshake *h)
{
	h->rx_protected |=
		h->header[0] == KTLS_APPLICATION_DATA || (h->ccs_received && h->header[0] == KTLS_HANDSHAKE);
	if (h->header[0] == KTLS_CHANGE_CIPHER_SPEC)
		h->ccs_received = 1;
	else
		h->rx_after_ccs += h->ccs_received;
	h->have = 0;
	run(h);
}

static int is_text(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isprint(p[i]) && !isspace(p[i]))
			return 0;
	return 1;
}

/*
 * Recognizes strangers that do not speak TLS before OpenSSL sees them, because its messages about them
 * mislead.
 */
static int check_header(struct ktls_handshake *h)
{
	const uint8_t *p = h->header;

	if (p[0] < KTLS_CHANGE_CIPHER_SPEC || p[0] > KTLS_APPLICATION_DATA || p[1] != 3) {
		fail(h, KTLS_CAUSE_NOT_TLS,
			is_text(p, KTLS_HEADER_LEN) ? "the peer speaks plain text, not TLS"
						    : "the peer does not speak TLS");
		return -1;
	}
	if (record_len(h) > KTLS_HEADER_LEN + SSL3_RT_MAX_ENCRYPTED_LENGTH) {
		run(h); /* the header is enough for OpenSSL to refuse it with an alert */
		fail(h, KTLS_CAUSE_PROTOCOL, "the peer sent a record longer than TLS allows");
		return -1;
	}
	return 0;
}

/* Gives OpenSSL the rest of the header or of the record, if it is there. Returns how much that was. */
static size_t take_part(struct ktls_handshake *h, const uint8_t *data, size_t len)
{
	size_t rest = (h->have < KTLS_HEADER_LEN ? KTLS_HEADER_LEN : record_len(h)) - h->have;

	len = len < rest ? len : rest;
	if (h->have < KTLS_HEADER_LEN)
		memcpy(h->header + h->have, data, len);
	if (BIO_write(SSL_get_rbio(h->ssl), data, (int)len) != (int)len)
		fail(h, KTLS_CAUSE_LOCAL, "out of memory");
	h->have += len;
	return len;
}

enum ktls_handshake_state ktls_handshake_feed(struct ktls_handshake *h, const uint8_t *data, size_t len)
{
	if (len > ktls_handshake_want(h)) {
		fail(h, KTLS_CAUSE_LOCAL, "more bytes were fed than asked for");
		return h->state;
	}
	while (len && h->state == KTLS_HANDSHAKE_RUNNING) {
		size_t n = take_part(h, data, len);

		data += n;
		len -= n;
		if (h->state != KTLS_HANDSHAKE_RUNNING || h->have < KTLS_HEADER_LEN ||
			(h->have == KTLS_HEADER_LEN && check_header(h)))
			continue;
		if (h->have == record_len(h))
			step(h);
	}
	if (len && h->state == KTLS_HANDSHAKE_DONE) /* they would be lost */
		fail(h, KTLS_CAUSE_PROTOCOL, "the peer sent bytes behind its Finished too early");
	return h->state;
}

const uint8_t *ktls_handshake_output(const struct ktls_handshake *h, size_t *len)
{
	char *data;

	*len = (size_t)BIO_get_mem_data(SSL_get_wbio(h->ssl), &data);
	return (const uint8_t *)data;
}

void ktls_handshake_sent(struct ktls_handshake *h, size_t len)
{
	BIO *out = SSL_get_wbio(h->ssl);
	char sink[4096];

	h->walked -= len;
	while (len) {
		size_t part = len < sizeof(sink) ? len : sizeof(sink);

		if (BIO_read(out, sink, (int)part) != (int)part)
			break;
		len -= part;
	}
}

const char *ktls_handshake_error(const struct ktls_handshake *h)
{
	return h->error;
}

enum ktls_handshake_cause ktls_handshake_cause(const struct ktls_handshake *h)
{
	return h->cause;
}

unsigned ktls_handshake_milliseconds(const struct ktls_handshake *h)
{
	return h->milliseconds;
}

SSL *ktls_handshake_ssl(const struct ktls_handshake *h)
{
	return h->ssl;
}

SSL *ktls_handshake_take_ssl(struct ktls_handshake *h)
{
	SSL *ssl = h->ssl;

	SSL_set_app_data(ssl, NULL);
	SSL_set_tlsext_status_ocsp_resp(ssl, NULL, 0); /* nobody needs it any more */
	h->ssl = NULL;
	return ssl;
}

static int keys_13(
	const struct ktls_handshake *h, enum ktls_aead aead, const EVP_MD *md, struct ktls_session_keys *k)
{
	int is_server = h->role == KTLS_SERVER;
	int rc;

	k->rx_secret = is_server ? h->client_secret : h->server_secret;
	k->tx_secret = is_server ? h->server_secret : h->client_secret;
	if (!k->rx_secret.len || !k->tx_secret.len)
		return -EIO;
	rc = ktls_key_from_secret(&k->rx, aead, md, k->rx_secret.bytes, k->rx_secret.len);
	if (!rc)
		rc = ktls_key_from_secret(&k->tx, aead, md, k->tx_secret.bytes, k->tx_secret.len);
	/*
	 * The step that takes the client's Finished sends only session tickets, under this key. A client's
	 * last step sends its Finished, under another key.
	 */
	k->tx.seq = is_server ? h->tx_last_call : 0;
	return rc;
}

static int keys_12(
	const struct ktls_handshake *h, enum ktls_aead aead, const EVP_MD *md, struct ktls_session_keys *k)
{
	uint8_t secret[SSL_MAX_MASTER_KEY_LENGTH], client_random[32], server_random[32];
	struct ktls_master m = {
		.md = md, .secret = secret, .client_random = client_random, .server_random = server_random};
	struct ktls_key *client = h->role == KTLS_SERVER ? &k->rx : &k->tx;
	struct ktls_key *server = h->role == KTLS_SERVER ? &k->tx : &k->rx;
	int rc = -EIO;

	m.secret_len = SSL_SESSION_get_master_key(SSL_get0_session(h->ssl), secret, sizeof(secret));
	if (SSL_get_client_random(h->ssl, client_random, 32) == 32 &&
		SSL_get_server_random(h->ssl, server_random, 32) == 32 && m.secret_len)
		rc = ktls_keys_from_master(client, server, aead, &m);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (rc)
		return rc;
	k->rx.seq = h->rx_after_ccs;
	k->tx.seq = h->tx_after_ccs;
	/*
	 * OpenSSL starts its explicit nonces anywhere. Continuing from the last one ensures that none is used
	 * twice.
	 */
	if (ktls_key_has_explicit_nonce(&k->tx))
		ktls_put_be64(k->tx.iv + 4, h->tx_explicit_nonce - (h->tx_after_ccs - 1));
	return 0;
}

static uint16_t negotiated_fragment(const SSL *ssl)
{
	switch (SSL_SESSION_get_max_fragment_length(SSL_get0_session(ssl))) {
	case TLSEXT_max_fragment_length_512:
		return 512;
	case TLSEXT_max_fragment_length_1024:
		return 1024;
	case TLSEXT_max_fragment_length_2048:
		return 2048;
	case TLSEXT_max_fragment_length_4096:
		return 4096;
	default:
		return 0;
	}
}

int ktls_handshake_keys(const struct ktls_handshake *h, struct ktls_session_keys *keys)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(h->ssl);
	enum ktls_aead aead;
	const EVP_MD *md;
	int rc;

	memset(keys, 0, sizeof(*keys));
	if (h->state != KTLS_HANDSHAKE_DONE || !cipher)
		return -EINVAL;
	rc = ktls_aead_of_cipher(cipher, &aead);
	if (rc)
		return rc;
	md = SSL_CIPHER_get_handshake_digest(cipher);
	if (!md)
		return -EOPNOTSUPP;
	rc = SSL_version(h->ssl) == TLS1_3_VERSION ? keys_13(h, aead, md, keys) : keys_12(h, aead, md, keys);
	keys->role = h->role;
	keys->max_fragment = negotiated_fragment(h->ssl);
	if (rc)
		OPENSSL_cleanse(keys, sizeof(*keys));
	return rc;
}
