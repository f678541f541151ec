/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "peer.h"

#include "client.h"
#include "connection.h"

#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void note_message(
	int is_write, int version, int type, const void *bytes, size_t len, SSL *ssl, void *arg)
{
	struct peer *p = arg;
	const uint8_t *b = bytes;

	(void)version;
	(void)ssl;
	if (is_write)
		return;
	if (type == KTLS_HANDSHAKE && len == 5 && b[0] == 24)
		p->updates++;
	if (type == KTLS_ALERT && len == 2)
		p->last_alert = b[1];
}

/* The handshake is over memory. What the peer wrote behind it is left in wire. */
static size_t shake_hands(
	struct peer *p, enum ktls_role role, struct ktls_session_keys *keys, uint8_t *wire, size_t cap)
{
	struct connection c;
	struct client ours;
	size_t len = 0;

	if (role == KTLS_CLIENT) {
		client_open(&ours, p->contexts[0], p->contexts[1]);
		client_establish(&ours, keys);
		len = client_left_over(&ours, wire, cap);
		p->ssl = ours.server;
		assert_int_equal(SSL_up_ref(p->ssl), 1);
		client_close(&ours);
		return len;
	}
	connection_open(&c, p->contexts[0], p->contexts[1]);
	connection_establish(&c, keys);
	assert_true(SSL_read(c.client, wire, 1) <= 0); /* takes the tickets */
	p->ssl = c.client;
	assert_int_equal(SSL_up_ref(p->ssl), 1);
	connection_close(&c);
	return len;
}

void peer_open(struct peer *p, enum ktls_role role, const struct identity *id, int version, const char *suite)
{
	struct ktls_session_keys keys;
	uint8_t wire[8192];
	size_t len;
	int fds[2];

	memset(p, 0, sizeof(*p));
	memset(&line_counts, 0, sizeof(line_counts));
	p->last_alert = -1;
	if (role == KTLS_CLIENT) {
		p->contexts[0] = our_client_context(version, suite, KTLS_VERIFY_NONE);
		p->contexts[1] = peer_server_context(id);
	} else {
		p->contexts[0] = server_context(id, KTLS_VERIFY_NONE, NULL);
		p->contexts[1] = client_context(version, suite);
		assert_int_equal(SSL_CTX_set_ciphersuites(p->contexts[0], EVERY_SUITE_13), 1);
	}
	len = shake_hands(p, role, &keys, wire, sizeof(wire));
	ERR_clear_error();
	SSL_set_info_callback(p->ssl, NULL);
	SSL_set_msg_callback(p->ssl, note_message);
	SSL_set_msg_callback_arg(p->ssl, p);
	SSL_set_shutdown(p->ssl, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	p->ours = fds[0];
	assert_int_equal(SSL_set_fd(p->ssl, fds[1]), 1);
	if (len)
		assert_int_equal(send(fds[1], wire, len, 0), len);
	ktls_stream_init(&p->stream, KTLS_HOME_USER, &keys, 0);
}

void peer_close(struct peer *p)
{
	ktls_stream_wipe(&p->stream, &line_memory);
	assert_int_equal(line_counts.held, 0);
	close(p->ours);
	close(SSL_get_fd(p->ssl));
	SSL_free(p->ssl);
	SSL_CTX_free(p->contexts[0]);
	SSL_CTX_free(p->contexts[1]);
	ERR_clear_error();
}

void peer_says(struct peer *p, const char *text, struct ktls_read *r)
{
	size_t len = strlen(text), have = 0;
	char buf[256];

	if (len)
		assert_int_equal(SSL_write(p->ssl, text, (int)len), len);
	do {
		have += (size_t)ktls_stream_read(
			&p->stream, p->ours, buf + have, sizeof(buf) - have, &line_memory, r);
		assert_int_equal(r->end, KTLS_END_NONE);
	} while (r->more || !r->drained);
	assert_int_equal(have, len);
	assert_memory_equal(buf, text, len);
}

void peer_hears(struct peer *p, const char *text)
{
	uint8_t wire[512];
	char buf[256];
	size_t taken;
	ssize_t n = ktls_stream_seal(&p->stream, text, strlen(text), wire, sizeof(wire), &taken);

	assert_true(n > 0 && taken == strlen(text));
	assert_int_equal(send(p->ours, wire, (size_t)n, 0), n);
	assert_int_equal(SSL_read(p->ssl, buf, sizeof(buf)), taken);
	assert_memory_equal(buf, text, taken);
}

void peer_updates(struct peer *p, int kind)
{
	assert_int_equal(SSL_key_update(p->ssl, kind), 1);
	assert_int_equal(SSL_do_handshake(p->ssl), 1);
}
