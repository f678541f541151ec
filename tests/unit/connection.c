/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "connection.h"

#include <openssl/err.h>
#include <string.h>

static void note_alert(const SSL *ssl, int where, int value)
{
	struct connection *c = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
		c->client_alert = value & 0xff;
}

void connection_open(struct connection *c, SSL_CTX *server, SSL_CTX *client)
{
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	memset(c, 0, sizeof(*c));
	c->client_alert = -1;
	c->server = ktls_handshake_new(server, KTLS_SERVER);
	c->client = SSL_new(client);
	assert_true(in && out && c->server && c->client);
	BIO_set_mem_eof_return(in, -1);
	BIO_set_mem_eof_return(out, -1);
	SSL_set_bio(c->client, in, out);
	SSL_set_app_data(c->client, (char *)c);
	SSL_set_info_callback(c->client, note_alert);
	SSL_set_connect_state(c->client);
}

void connection_close(struct connection *c)
{
	ktls_handshake_free(c->server);
	/* Without a proper end OpenSSL would not resume the client's session. */
	SSL_set_shutdown(c->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->client);
	ERR_clear_error();
}

int connection_client_turn(struct connection *c)
{
	int rc = SSL_do_handshake(c->client);

	ERR_clear_error();
	return rc == 1;
}

static size_t limit(const struct connection *c, size_t len)
{
	return c->piece && len > c->piece ? c->piece : len;
}

/* What the server has to say goes to the client's read BIO. */
static size_t carry_output(struct connection *c)
{
	size_t len, moved = 0;
	const uint8_t *p = ktls_handshake_output(c->server, &len);

	while (len) {
		size_t n = limit(c, len);

		assert_true(c->flight_len + n <= sizeof(c->flight));
		memcpy(c->flight + c->flight_len, p, n);
		c->flight_len += n;
		assert_int_equal(BIO_write(SSL_get_rbio(c->client), p, (int)n), n);
		ktls_handshake_sent(c->server, n);
		moved += n;
		p = ktls_handshake_output(c->server, &len);
	}
	return moved;
}

size_t connection_server_turn(struct connection *c)
{
	BIO *wire = SSL_get_wbio(c->client);
	uint8_t bytes[KTLS_MAX_RECORD];
	size_t moved = 0, want;

	while ((want = ktls_handshake_want(c->server)) && BIO_pending(wire)) {
		int n = BIO_read(wire, bytes, (int)limit(c, want));

		assert_true(n > 0);
		ktls_handshake_feed(c->server, bytes, (size_t)n);
		c->reads++;
		moved += (size_t)n + carry_output(c);
	}
	return moved;
}

enum ktls_handshake_state connection_run(struct connection *c)
{
	do
		connection_client_turn(c);
	while (connection_server_turn(c));
	if (ktls_handshake_want(c->server))
		return KTLS_HANDSHAKE_RUNNING;
	return *ktls_handshake_error(c->server) ? KTLS_HANDSHAKE_FAILED : KTLS_HANDSHAKE_DONE;
}

void connection_establish(struct connection *c, struct ktls_session_keys *keys)
{
	connection_run(c);
	assert_string_equal(ktls_handshake_error(c->server), "");
	assert_int_equal(ktls_handshake_want(c->server), 0);
	assert_int_equal(connection_client_turn(c), 1);
	assert_int_equal(ktls_handshake_keys(c->server, keys), 0);
	assert_int_equal(connection_left_over(c, NULL, 0), 0);
}

size_t connection_left_over(struct connection *c, uint8_t *out, size_t cap)
{
	BIO *wire = SSL_get_wbio(c->client);
	size_t len = (size_t)BIO_pending(wire);

	if (len && cap)
		assert_int_equal(BIO_read(wire, out, (int)cap), len < cap ? len : cap);
	return len;
}

static void we_say(SSL *peer, struct ktls_key *tx, size_t len, unsigned seed)
{
	static uint8_t said[KTLS_MAX_PLAIN], heard[KTLS_MAX_PLAIN], record[KTLS_MAX_RECORD];
	ssize_t n;

	fill(said, len, seed);
	n = ktls_record_seal(tx, KTLS_APPLICATION_DATA, said, len, record, sizeof(record));
	assert_true(n > 0);
	assert_int_equal(BIO_write(SSL_get_rbio(peer), record, (int)n), n);
	assert_int_equal(SSL_read(peer, heard, sizeof(heard)), len);
	assert_memory_equal(heard, said, len);
}

static void peer_says(SSL *peer, struct ktls_key *rx, size_t len, unsigned seed)
{
	static uint8_t said[2 * KTLS_MAX_PLAIN], wire[2 * KTLS_MAX_RECORD];
	size_t have, heard = 0;

	fill(said, len, seed);
	assert_int_equal(SSL_write(peer, said, (int)len), len);
	have = (size_t)BIO_read(SSL_get_wbio(peer), wire, sizeof(wire));
	for (size_t off = 0; off < have;) {
		ssize_t n = ktls_record_length(wire + off);
		struct ktls_plain plain;

		assert_true(n > 0 && off + (size_t)n <= have);
		assert_int_equal(ktls_record_open(rx, wire + off, (size_t)n, &plain), 0);
		assert_int_equal(plain.type, KTLS_APPLICATION_DATA);
		assert_true(heard + plain.len <= len);
		assert_memory_equal(plain.data, said + heard, plain.len);
		heard += plain.len;
		off += (size_t)n;
	}
	assert_int_equal(heard, len);
}

void talk_with(SSL *peer, struct ktls_session_keys *keys)
{
	/* The last is more than a record holds: the peer makes two of it. */
	static const size_t lengths[] = {1, 100, 4000, 16384, 20000};

	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < COUNT(lengths); i++) {
			peer_says(peer, &keys->rx, lengths[i], round + i);
			if (lengths[i] <= KTLS_MAX_PLAIN)
				we_say(peer, &keys->tx, lengths[i], round + i + 50);
		}
}

void connection_talk(struct connection *c, struct ktls_session_keys *keys)
{
	talk_with(c->client, keys);
}

void connection_hear_alert(struct connection *c)
{
	uint8_t byte;

	assert_true(SSL_read(c->client, &byte, 1) <= 0);
	ERR_clear_error();
}
