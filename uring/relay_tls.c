/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * OpenSSL's part of a relayed connection. Its BIO reads from the socket itself, as far ahead as one read
 * goes, and writes to it. No poll reports records that OpenSSL has read ahead, so a reader goes on until
 * there are none, or comes back when there is room for their content.
 */
#include "uring/relay_conn.h"

#include "ktls/alert.h"
#include "uring/network_error.h"

#include <errno.h>
#include <openssl/err.h>

static const char flood[] = "too many key changes or records without content";

static int bio_read(BIO *b, char *buf, int len)
{
	struct relay_conn *c = BIO_get_data(b);
	ssize_t n = -EAGAIN;

	BIO_clear_retry_flags(b);
	if (len > RELAY_AHEAD)
		len = RELAY_AHEAD;
	if (c->reads && !c->eof && !c->drained) {
		c->reads--;
		n = relay_recv(c->in.from, buf, (size_t)len);
		c->drained = n < len;
	}
	if (n > 0)
		return (int)n;
	if (n && n != -EAGAIN) {
		c->recv_error = (int)n;
		return -1;
	}
	/*
	 * OpenSSL would answer the end of the stream with an alert, but we decide whether it comes too early.
	 */
	if (!n)
		c->eof = 1;
	BIO_set_retry_read(b);
	return -1;
}

/* Takes everything, so that OpenSSL never has to write a record again. */
static int bio_write(BIO *b, const char *buf, int len)
{
	struct relay_conn *c = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	relay_put(&c->out, buf, (size_t)len);
	return len;
}

static long bio_ctrl(BIO *b, int command, long number, void *p)
{
	(void)b;
	(void)number;
	(void)p;
	return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *relay_bio_new(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "relay");

	if (m && BIO_meth_set_read(m, bio_read) == 1 && BIO_meth_set_write(m, bio_write) == 1 &&
		BIO_meth_set_ctrl(m, bio_ctrl) == 1)
		return m;
	BIO_meth_free(m);
	return NULL;
}

static int refuse(SSL *ssl, int *alert, void *arg)
{
	(void)ssl;
	(void)arg;
	*alert = SSL_AD_UNEXPECTED_MESSAGE;
	return SSL_CLIENT_HELLO_ERROR;
}

SSL_CTX *relay_refusing_new(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	if (ctx)
		SSL_CTX_set_client_hello_cb(ctx, refuse, NULL);
	return ctx;
}

/*
 * OpenSSL answers every request for a new handshake with a warning, without a limit, and has no function to
 * send an alert. But it lets the context refuse a handshake that is allowed.
 */
static void refuse_the_next(SSL *ssl)
{
	if (!SSL_is_server(ssl)) /* a client would answer with a handshake */
		return;
	SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
	SSL_set_options(ssl, SSL_OP_ALLOW_CLIENT_RENEGOTIATION | SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
}

static void refuse_with_warnings(SSL *ssl)
{
	SSL_clear_options(ssl, SSL_OP_ALLOW_CLIENT_RENEGOTIATION | SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
	SSL_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
}

/* Called with each record's header before its content. */
static void note_message(int sent, int version, int type, const void *p, size_t len, SSL *ssl, void *arg)
{
	struct relay_conn *c = arg;

	if (sent)
		return;
	if (type == SSL3_RT_HEADER && ktls_bounds_idle(&c->bounds, 1)) {
		c->beyond++;
		refuse_the_next(ssl);
	}
	if (version == TLS1_3_VERSION && type == SSL3_RT_HANDSHAKE && len &&
		*(const uint8_t *)p == SSL3_MT_KEY_UPDATE && ktls_bounds_key_update(&c->bounds))
		c->flooded = 1;
}

int relay_tls_attach(struct relay_conn *c)
{
	BIO *bio = BIO_new(c->relay->bio);

	if (!bio)
		return -ENOMEM;
	if (!SSL_set_SSL_CTX(c->ssl, c->relay->refusing)) {
		BIO_free(bio);
		return -ENOMEM;
	}
	SSL_set_msg_callback(c->ssl, note_message);
	SSL_set_msg_callback_arg(c->ssl, c);
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	SSL_set_bio(c->ssl, bio, bio);
	SSL_set_read_ahead(c->ssl, 1);
	return 0;
}

static const char *openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	return reason ? reason : "OpenSSL gives no reason";
}

/* Our own refusal, and OpenSSL's limits on records and warnings. */
static int is_flood(unsigned long e)
{
	int reason = ERR_GET_REASON(e);

	return ERR_GET_LIB(e) == ERR_LIB_SSL &&
	       (reason == SSL_R_CALLBACK_FAILED || reason == SSL_R_RECORD_TOO_SMALL ||
		       reason == SSL_R_TOO_MANY_WARN_ALERTS);
}

static void note_unreadable(struct relay_conn *c)
{
	unsigned long e = ERR_peek_error();
	int alert = ERR_GET_REASON(e) - SSL_AD_REASON_OFFSET;

	if (is_flood(e))
		relay_trouble(c, "%s", flood);
	else if (ERR_GET_LIB(e) == ERR_LIB_SSL && alert >= 0 && alert <= UINT8_MAX)
		relay_trouble(c, "alert %s received", ktls_alert_name((uint8_t)alert));
	else
		relay_trouble(c, "its record cannot be read (%s)", openssl_reason());
}

/* Why SSL_read() gave nothing. */
static ssize_t nothing_read(struct relay_conn *c, int error)
{
	switch (error) {
	case SSL_ERROR_WANT_READ:
		if (!c->eof)
			return -EAGAIN;
		relay_trouble(c, "ended without close_notify");
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		relay_orderly(c);
		return 0;
	default:
		if (!c->recv_error) {
			note_unreadable(c);
			return -EPROTO;
		}
		relay_trouble(c, "receiving failed: %s", uring_network_error(c->recv_error));
		return c->recv_error;
	}
}

static void content_came(struct relay_conn *c)
{
	c->bounds.idle_records = 0;
	if (c->beyond)
		refuse_with_warnings(c->ssl);
	c->beyond = 0;
}

/* Ends what OpenSSL would continue for ever, in the only way that it offers: with close_notify. */
static ssize_t end_flood(struct relay_conn *c)
{
	relay_trouble(c, "%s", flood);
	relay_tls_goodbye(c);
	return -EPROTO;
}

ssize_t relay_tls_read(struct relay_conn *c, uint8_t *buf)
{
	ssize_t n;

	/* The error queue belongs to the thread, so drop what another connection left there. */
	ERR_clear_error();
	n = SSL_read(c->ssl, buf, RELAY_CHUNK);
	if (n > 0)
		content_came(c);
	else
		n = nothing_read(c, SSL_get_error(c->ssl, (int)n));
	if (c->flooded || (n == -EAGAIN && c->beyond > 1))
		n = end_flood(c);
	ERR_clear_error();
	return n;
}

int relay_tls_write(struct relay_conn *c, const uint8_t *buf, size_t len)
{
	int rc = 0;

	ERR_clear_error();
	if (SSL_write(c->ssl, buf, (int)len) != (int)len) {
		relay_trouble(c, "a record cannot be made (%s)", openssl_reason());
		rc = -EIO;
	}
	ERR_clear_error();
	return rc;
}

void relay_tls_goodbye(struct relay_conn *c)
{
	ERR_clear_error();
	SSL_shutdown(c->ssl);
	ERR_clear_error();
}
