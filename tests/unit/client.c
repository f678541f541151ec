/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <openssl/err.h>
#include <string.h>

static void note_alert(const SSL *ssl, int where, int value)
{
	struct client *c = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
		c->server_alert = value & 0xff;
}

void client_open(struct client *c, SSL_CTX *ours, SSL_CTX *server)
{
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	memset(c, 0, sizeof(*c));
	c->server_alert = -1;
	c->ours = ktls_handshake_new(ours, KTLS_CLIENT);
	c->server = SSL_new(server);
	assert_true(in && out && c->ours && c->server);
	BIO_set_mem_eof_return(in, -1);
	BIO_set_mem_eof_return(out, -1);
	SSL_set_bio(c->server, in, out);
	SSL_set_app_data(c->server, (char *)c);
	SSL_set_info_callback(c->server, note_alert);
	SSL_set_accept_state(c->server);
}

void client_close(struct client *c)
{
	ktls_handshake_free(c->ours);
	SSL_set_shutdown(c->server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->server);
	ERR_clear_error();
}

static size_t limit(const struct client *c, size_t len)
{
	return c->piece && len > c->piece ? c->piece : len;
}

/* Notes what a test wants to know of a flight of ours, which begins at p. */
static void look_at_flight(struct client *c, const uint8_t *p, size_t len)
{
	int ccs = 0, is_first = !c->started++;

	for (size_t off = 0; off < len; off += (size_t)ktls_record_length(p + off)) {
		assert_true(ktls_record_length(p + off) > 0);
		/* A ClientHello; nothing else of ours that begins so is as long. */
		c->retries += !is_first && p[off] == KTLS_HANDSHAKE && p[off + 5] == 1 &&
			      ktls_record_length(p + off) > 100;
		if (ccs && p[off] == KTLS_HANDSHAKE)
			memcpy(c->finished_nonce, p + off + KTLS_HEADER_LEN, KTLS_EXPLICIT_LEN);
		ccs |= p[off] == KTLS_CHANGE_CIPHER_SPEC;
	}
}

static void carry_output(struct client *c)
{
	size_t len;
	const uint8_t *p = ktls_handshake_output(c->ours, &len);

	if (len)
		look_at_flight(c, p, len);
	while (len) {
		size_t n = limit(c, len);

		assert_int_equal(BIO_write(SSL_get_rbio(c->server), p, (int)n), n);
		ktls_handshake_sent(c->ours, n);
		p = ktls_handshake_output(c->ours, &len);
	}
}

int client_server_turn(struct client *c)
{
	int rc;

	if (!c->started)
		ktls_handshake_start(c->ours);
	carry_output(c);
	rc = SSL_do_handshake(c->server);
	ERR_clear_error();
	return rc == 1;
}

size_t client_turn(struct client *c)
{
	BIO *wire = SSL_get_wbio(c->server);
	uint8_t bytes[KTLS_MAX_RECORD];
	size_t moved = 0, want;

	while ((want = ktls_handshake_want(c->ours)) && BIO_pending(wire)) {
		int n = BIO_read(wire, bytes, (int)limit(c, want));

		assert_true(n > 0);
		ktls_handshake_feed(c->ours, bytes, (size_t)n);
		moved += (size_t)n;
		carry_output(c);
	}
	return moved;
}

enum ktls_handshake_state client_run(struct client *c)
{
	do
		client_server_turn(c);
	while (client_turn(c));
	if (ktls_handshake_want(c->ours))
		return KTLS_HANDSHAKE_RUNNING;
	return *ktls_handshake_error(c->ours) ? KTLS_HANDSHAKE_FAILED : KTLS_HANDSHAKE_DONE;
}

void client_establish(struct client *c, struct ktls_session_keys *keys)
{
	client_run(c);
	assert_string_equal(ktls_handshake_error(c->ours), "");
	assert_int_equal(ktls_handshake_want(c->ours), 0);
	assert_int_equal(client_server_turn(c), 1);
	assert_int_equal(ktls_handshake_keys(c->ours, keys), 0);
	assert_int_equal(keys->role, KTLS_CLIENT);
}

unsigned client_take_tickets(struct client *c, struct ktls_session_keys *keys)
{
	uint8_t wire[8192], *p = wire;
	size_t len = client_left_over(c, wire, sizeof(wire));
	unsigned count;

	for (count = 0; p < wire + len; count++) {
		ssize_t n = ktls_record_length(p);
		struct ktls_plain plain;

		assert_true(n > 0 && p + n <= wire + len);
		assert_int_equal(ktls_record_open(&keys->rx, p, (size_t)n, &plain), 0);
		assert_int_equal(plain.type, KTLS_HANDSHAKE);
		assert_int_equal(plain.data[0], 4);
		p += n;
	}
	return count;
}

SSL_SESSION *client_take_session(struct client *c)
{
	SSL *ssl = ktls_handshake_take_ssl(c->ours);
	SSL_SESSION *session;
	uint8_t wire[8192];
	size_t len = client_left_over(c, wire, sizeof(wire));

	ktls_handshake_free(c->ours);
	c->ours = NULL;
	if (len)
		assert_int_equal(BIO_write(SSL_get_rbio(ssl), wire, (int)len), len);
	assert_true(SSL_read(ssl, wire, 1) <= 0);
	ERR_clear_error();
	session = SSL_get1_session(ssl);
	/* Without a proper end OpenSSL would not resume it. */
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(ssl);
	return session;
}

size_t client_left_over(struct client *c, uint8_t *out, size_t cap)
{
	BIO *wire = SSL_get_wbio(c->server);
	size_t len = (size_t)BIO_pending(wire);

	if (len && cap)
		assert_int_equal(BIO_read(wire, out, (int)cap), len < cap ? len : cap);
	return len;
}
