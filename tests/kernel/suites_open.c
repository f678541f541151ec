/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection of kernel_suites from two sockets to text: ours on one side, OpenSSL on the other. */
#include "kernel/suites.h"

#include "unit/client.h"
#include "unit/connection.h"
#include "unit/line.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <unistd.h>

/* The suite that has the AEAD: in TLS 1.2 with an RSA and with an ECDSA certificate, in TLS 1.3. */
static const char *const suites[KTLS_AEADS][3] = {
	[KTLS_AES_128_GCM] = {"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256",
		"TLS_AES_128_GCM_SHA256"},
	[KTLS_AES_256_GCM] = {"ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384",
		"TLS_AES_256_GCM_SHA384"},
	[KTLS_CHACHA20_POLY1305] = {"ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305",
		"TLS_CHACHA20_POLY1305_SHA256"},
	[KTLS_AES_128_CCM] = {"AES128-CCM", "ECDHE-ECDSA-AES128-CCM", "TLS_AES_128_CCM_SHA256"},
};

static void note_message(
	int is_write, int version, int type, const void *bytes, size_t len, SSL *ssl, void *arg)
{
	struct talk *t = arg;

	(void)version;
	(void)ssl;
	if (!is_write && type == KTLS_HANDSHAKE && len == 5 && *(const uint8_t *)bytes == 24)
		t->updates++;
}

/* Both ends of a TCP connection, as a server and a client have them. */
static void connect_tcp(int *server, int *client)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	assert_int_equal(bind(listener, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
	*client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(*client, (struct sockaddr *)&addr, len), 0);
	*server = accept(listener, NULL, NULL);
	assert_true(*server >= 0);
	close(listener);
	/* Nothing here is to wait for an acknowledgement that comes late. */
	assert_int_equal(setsockopt(*server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(*client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
}

static const char *suite_of(const struct row *r, const struct kind *k)
{
	return suites[r->aead][r->version == TLS1_3_VERSION ? 2 : k->ec];
}

void make_contexts(struct talk *t, const struct kind *k)
{
	const struct identity *id = &identities[k->ec];
	const char *suite = suite_of(t->row, k);

	if (t->row->role == KTLS_CLIENT) {
		t->ours = our_client_context(t->row->version, suite, KTLS_VERIFY_NONE);
		t->theirs = peer_server_context(id);
		return;
	}
	t->ours = server_context(id, KTLS_VERIFY_NONE, NULL);
	/* CCM is not among what OpenSSL offers by itself. */
	assert_int_equal(SSL_CTX_set_cipher_list(t->ours, "ALL"), 1);
	assert_int_equal(SSL_CTX_set_ciphersuites(t->ours, EVERY_SUITE_13), 1);
	t->theirs = client_context(t->row->version, suite);
}

SSL_SESSION *earlier_session(struct talk *t)
{
	struct ktls_session_keys keys;
	struct connection server;
	struct client client;
	SSL_SESSION *session;
	uint8_t wire[8192];
	size_t len;
	SSL *ssl;

	if (t->row->role == KTLS_SERVER) {
		connection_open(&server, t->ours, t->theirs);
		connection_establish(&server, &keys);
		ssl = server.client;
	} else {
		client_open(&client, t->ours, t->theirs);
		client_establish(&client, &keys);
		ssl = ktls_handshake_ssl(client.ours);
		len = client_left_over(&client, wire, sizeof(wire));
		if (len)
			assert_int_equal(BIO_write(SSL_get_rbio(ssl), wire, (int)len), len);
	}
	assert_true(SSL_read(ssl, wire, 1) <= 0);
	ERR_clear_error();
	session = SSL_get1_session(ssl);
	assert_true(session && SSL_SESSION_is_resumable(session));
	if (t->row->role == KTLS_SERVER)
		connection_close(&server);
	else
		client_close(&client);
	return session;
}

static void carry_output(struct talk *t)
{
	size_t len;
	const uint8_t *p = ktls_handshake_output(t->handshake, &len);

	if (!len)
		return;
	send_all(t->fd, p, len);
	ktls_handshake_sent(t->handshake, len);
}

/* Takes what our handshake wants and the socket has. Returns 1 when it wants no more. */
static int take_input(struct talk *t)
{
	uint8_t bytes[KTLS_MAX_RECORD];
	size_t want;

	while ((want = ktls_handshake_want(t->handshake))) {
		ssize_t n = recv(t->fd, bytes, want, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return 0;
		assert_true(n > 0);
		ktls_handshake_feed(t->handshake, bytes, (size_t)n);
		carry_output(t);
	}
	assert_string_equal(ktls_handshake_error(t->handshake), "");
	return 1;
}

static void shake_hands(struct talk *t)
{
	int we = 0, they = 0;

	if (t->row->role == KTLS_CLIENT)
		ktls_handshake_start(t->handshake);
	carry_output(t);
	while (!we || !they) {
		they = they || is_over(t, SSL_do_handshake(t->peer));
		we = take_input(t);
		they = they || is_over(t, SSL_do_handshake(t->peer));
		if (!we || !they)
			wait_for(t, we ? 0 : POLLIN, they ? 0 : POLLIN);
	}
}

static void open_talk(struct talk *t, const struct kind *k, SSL_SESSION *session)
{
	int server, client, theirs;
	struct ktls_handshake *h = ktls_handshake_new(t->ours, t->row->role);

	assert_non_null(h);
	connect_tcp(&server, &client);
	t->handshake = h;
	t->fd = t->row->role == KTLS_SERVER ? server : client;
	theirs = t->row->role == KTLS_SERVER ? client : server;
	t->updates = 0;
	t->peer = SSL_new(t->theirs);
	assert_non_null(t->peer);
	assert_int_equal(SSL_set_fd(t->peer, theirs), 1);
	assert_int_equal(BIO_socket_nbio(theirs, 1), 1);
	SSL_set_msg_callback(t->peer, note_message);
	SSL_set_msg_callback_arg(t->peer, t);
	if (t->row->role == KTLS_SERVER)
		SSL_set_connect_state(t->peer);
	else
		SSL_set_accept_state(t->peer);
	if (session)
		assert_int_equal(
			SSL_set_session(
				t->row->role == KTLS_CLIENT ? ktls_handshake_ssl(h) : t->peer, session),
			1);
	shake_hands(t);
	assert_int_equal(SSL_version(t->peer), t->row->version);
	assert_string_equal(SSL_get_cipher_name(t->peer), suite_of(t->row, k));
	assert_int_equal(SSL_session_reused(t->peer), session != NULL);
}

void close_talk(struct talk *t)
{
	ktls_stream_wipe(&t->stream, &line_memory);
	assert_int_equal(line_counts.held, 0);
	close(SSL_get_fd(t->peer));
	close(t->fd);
	SSL_free(t->peer);
	ERR_clear_error();
}

static void move_home(struct talk *t)
{
	enum ktls_home home = is_in_kernel(t->row) ? KTLS_HOME_KERNEL : KTLS_HOME_USER;
	struct ktls_session_keys keys;

	assert_int_equal(ktls_handshake_keys(t->handshake, &keys), 0);
	ktls_handshake_free(t->handshake);
	assert_int_equal(keys.tx.aead, t->row->aead);
	if (home == KTLS_HOME_KERNEL)
		assert_int_equal(ktls_kernel_install(t->fd, &keys.tx, &keys.rx, 0), 0);
	ktls_stream_init(&t->stream, home, &keys, caps.rekey == 0);
	OPENSSL_cleanse(&keys, sizeof(keys));
}

void begin(struct talk *t, const struct kind *k, SSL_SESSION *session)
{
	static uint8_t hasty[100], heard[100];
	struct ktls_read r;

	open_talk(t, k, session);
	fill(hasty, sizeof(hasty), 9);
	they_write(t, hasty, sizeof(hasty)); /* lies in our socket before it has a key */
	move_home(t);
	hear(t, heard, sizeof(heard), &r);
	assert_int_equal(r.end, KTLS_END_NONE);
	assert_memory_equal(heard, hasty, sizeof(hasty));
}
