/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel_suites [FILE]: what this kernel takes, each with a connection that works.
 *
 * For each version, AEAD and role: handshakes over loopback TCP between ours and OpenSSL, with an RSA and an
 * ECDSA certificate, full and resumed; then text both ways, key changes and the end, with the record keys in
 * the home that the probe says. Writes one line for each version, AEAD and role that worked, its fields
 * separated by tabs: kernel release, version, AEAD, role, home (kernel or user), why, whether the peer may
 * change its key (yes, no, or
 * - where the version has no such thing).
 * EXPECT_KTLS=1 in the environment: AES-GCM must be in the kernel, and the kernel's counters must agree
 * exactly.
 */
#include "unit/client.h"
#include "unit/connection.h"
#include "unit/line.h"

#include "ktls/kernel.h"
#include "ktls/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 10000,
	TEXT_MAX = 40960,
	UPDATES_MAX = 3, /* of the peer in one connection */
};

struct row { /* one test */
	char name[64];
	uint16_t version;
	enum ktls_aead aead;
	enum ktls_role role;
	const char *now; /* the case under way, NULL when all went well */
};

struct kind { /* one case of it */
	const char *name;
	int ec, resumed;
};

static const struct kind kinds[] = {
	{"RSA certificate, full handshake", 0, 0},
	{"RSA certificate, resumed", 0, 1},
	{"ECDSA certificate, full handshake", 1, 0},
	{"ECDSA certificate, resumed", 1, 1},
};

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

struct talk {
	const struct row *row;
	SSL_CTX *ours, *theirs;
	struct ktls_handshake *handshake;
	struct ktls_stream stream;
	int fd;
	SSL *peer;
	unsigned updates; /* KeyUpdates of ours that the peer has read */
};

static struct ktls_kernel_caps caps;
static struct identity identities[2]; /* RSA, ECDSA */
static const char *table_name;
static FILE *table;

static int is_in_kernel(const struct row *r)
{
	return !ktls_kernel_supports(&caps, r->version, r->aead);
}

static int follows_key_updates(const struct row *r)
{
	return r->version == TLS1_3_VERSION && (!is_in_kernel(r) || !caps.rekey);
}

static int is_promised(void)
{
	const char *expect = getenv("EXPECT_KTLS");

	return expect && !strcmp(expect, "1");
}

/* What the kernel has counted of one kind; -1 where it has no such counter. */
static long counted(const char *name)
{
	FILE *f = fopen("/proc/net/tls_stat", "r");
	char word[64];
	long value, found = -1;

	while (f && fscanf(f, "%63s %ld", word, &value) == 2)
		if (!strcmp(word, name))
			found = value;
	if (f)
		fclose(f);
	return found;
}

struct counts {
	long tx, rx, tx_rekeys, rx_rekeys, bad;
};

static struct counts count(void)
{
	return (struct counts){counted("TlsTxSw") + counted("TlsTxDevice"),
		counted("TlsRxSw") + counted("TlsRxDevice"), counted("TlsTxRekeyOk"), counted("TlsRxRekeyOk"),
		counted("TlsDecryptError")};
}

/* Other processes use the same counters, unless this kernel was booted for the test. */
static void assert_counted(long before, long after, long expected)
{
	if (is_promised())
		assert_int_equal(after - before, expected);
	else
		assert_true(after - before >= expected);
}

static void note_message(
	int is_write, int version, int type, const void *bytes, size_t len, SSL *ssl, void *arg)
{
	struct talk *t = arg;

	(void)version;
	(void)ssl;
	if (!is_write && type == KTLS_HANDSHAKE && len == 5 && *(const uint8_t *)bytes == 24)
		t->updates++;
}

static void wait_for(struct talk *t, short ours, short theirs)
{
	struct pollfd fds[] = {
		{.fd = t->fd, .events = ours},
		{.fd = SSL_get_fd(t->peer), .events = theirs},
	};

	assert_true(poll(fds, COUNT(fds), PATIENCE_MS) > 0);
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

static void make_contexts(struct talk *t, const struct kind *k)
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

/* Something to resume, from an earlier connection over memory. The client that made it takes the tickets. */
static SSL_SESSION *earlier_session(struct talk *t)
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

static void send_all(int fd, const uint8_t *p, size_t len)
{
	assert_int_equal(send(fd, p, len, MSG_NOSIGNAL), len);
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

/* Whether an operation of the peer has come to its end; one that cannot go on yet is tried again. */
static int is_over(struct talk *t, int rc)
{
	int error = rc > 0 ? SSL_ERROR_NONE : SSL_get_error(t->peer, rc);

	ERR_clear_error();
	assert_true(rc > 0 || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE);
	return rc > 0;
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

static void close_talk(struct talk *t)
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
		assert_int_equal(ktls_kernel_install(t->fd, &keys.tx, &keys.rx), 0);
	ktls_stream_init(&t->stream, home, &keys, caps.rekey == 0);
	OPENSSL_cleanse(&keys, sizeof(keys));
}

/* Reads until len bytes of text are there or the connection ends, paying what the stream owes. */
static void hear(struct talk *t, uint8_t *heard, size_t len, struct ktls_read *r)
{
	size_t have = 0;

	memset(r, 0, sizeof(*r));
	while (have < len || t->stream.owes) {
		if (!r->more)
			wait_for(t, POLLIN, 0);
		have += (size_t)ktls_stream_read(
			&t->stream, t->fd, heard + have, len > have ? len - have : 1, &line_memory, r);
		if (r->end != KTLS_END_NONE)
			return;
		if (r->respond)
			assert_int_equal(ktls_stream_respond(&t->stream, t->fd), 0);
	}
	assert_int_equal(have, len);
}

/* A socket's buffers hold the longest text. */
static void they_write(struct talk *t, const uint8_t *said, size_t len)
{
	while (!is_over(t, SSL_write(t->peer, said, (int)len)))
		wait_for(t, 0, POLLOUT);
}

static void they_say(struct talk *t, size_t len, unsigned seed)
{
	static uint8_t said[TEXT_MAX], heard[TEXT_MAX];
	struct ktls_read r;

	fill(said, len, seed);
	they_write(t, said, len);
	hear(t, heard, len, &r);
	assert_int_equal(r.end, KTLS_END_NONE);
	assert_memory_equal(heard, said, len);
}

static void they_hear(struct talk *t, const uint8_t *said, size_t len)
{
	static uint8_t heard[TEXT_MAX];
	size_t have = 0;

	while (have < len) {
		int n = SSL_read(t->peer, heard + have, (int)(len - have));

		if (is_over(t, n))
			have += (size_t)n;
		else
			wait_for(t, 0, POLLIN);
	}
	assert_memory_equal(heard, said, len);
}

static void we_say(struct talk *t, size_t len, unsigned seed)
{
	static uint8_t said[TEXT_MAX], wire[2 * TEXT_MAX];
	size_t taken;
	ssize_t n;

	fill(said, len, seed);
	if (t->stream.home == KTLS_HOME_KERNEL) {
		assert_int_equal(ktls_stream_count_write(&t->stream, len), 0);
		send_all(t->fd, said, len);
	} else {
		n = ktls_stream_seal(&t->stream, said, len, wire, sizeof(wire), &taken);
		assert_true(n > 0 && taken == len);
		send_all(t->fd, wire, (size_t)n);
	}
	they_hear(t, said, len);
}

static void say_all(struct talk *t)
{
	static const size_t lengths[] = {1, 2, 17, 1000, 16383, 16384, 16385, TEXT_MAX};

	for (unsigned i = 0; i < COUNT(lengths); i++) {
		they_say(t, lengths[i], i);
		we_say(t, lengths[i], i + 50);
	}
}

static void they_update(struct talk *t, int requested)
{
	assert_int_equal(
		SSL_key_update(t->peer, requested ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED),
		1);
	assert_int_equal(SSL_do_handshake(t->peer), 1);
}

/* The peer changes its key, wants ours to change, and both once more; then we change ours of our own accord.
 */
static void change_keys(struct talk *t)
{
	for (unsigned i = 0; i < UPDATES_MAX; i++) {
		they_update(t, i % 2);
		they_say(t, 100, i);
		we_say(t, 100, i);
		assert_int_equal(t->updates, (i + 1) / 2);
	}
	t->stream.owes = KTLS_OWES_KEY_UPDATE;
	assert_int_equal(ktls_stream_respond(&t->stream, t->fd), 0);
	we_say(t, TEXT_MAX, 1);
	they_say(t, TEXT_MAX, 2);
	assert_int_equal(t->updates, UPDATES_MAX / 2 + 1);
}

static void they_hear_goodbye(struct talk *t)
{
	char byte;
	int rc;

	while ((rc = SSL_read(t->peer, &byte, 1)) < 0) {
		assert_int_equal(SSL_get_error(t->peer, rc), SSL_ERROR_WANT_READ);
		wait_for(t, 0, POLLIN);
	}
	assert_int_equal(SSL_get_error(t->peer, rc), SSL_ERROR_ZERO_RETURN);
	assert_true(SSL_get_shutdown(t->peer) & SSL_RECEIVED_SHUTDOWN);
}

static void say_goodbye(struct talk *t)
{
	struct ktls_read r;
	uint8_t byte;

	assert_int_equal(ktls_stream_send_alert(&t->stream, t->fd, KTLS_CLOSE_NOTIFY), 0);
	they_hear_goodbye(t);
	assert_int_equal(SSL_shutdown(t->peer), 1);
	hear(t, &byte, 1, &r);
	assert_int_equal(r.end, KTLS_END_CLOSE_NOTIFY);
}

/* This kernel cannot follow: it says so, and we still can say goodbye. */
static void end_at_key_update(struct talk *t, int requested)
{
	struct ktls_read r;
	uint8_t byte;

	they_say(t, 100, 1);
	we_say(t, 100, 2);
	they_update(t, requested);
	hear(t, &byte, 1, &r);
	assert_int_equal(r.end, KTLS_END_KEY_UPDATE);
	assert_true(r.owed && r.alert == KTLS_CLOSE_NOTIFY);
	assert_int_equal(ktls_stream_send_alert(&t->stream, t->fd, r.alert), 0);
	they_hear_goodbye(t);
}

static void begin(struct talk *t, const struct kind *k, SSL_SESSION *session)
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

static void check_case(struct row *r, const struct kind *k)
{
	struct counts before = count(), after;
	int kernel = is_in_kernel(r), rekeys = kernel && follows_key_updates(r);
	int ends = kernel && r->version == TLS1_3_VERSION && caps.rekey;
	SSL_SESSION *session = NULL;
	struct talk t = {.row = r};

	r->now = k->name;
	make_contexts(&t, k);
	if (k->resumed)
		session = earlier_session(&t);
	begin(&t, k, session);
	say_all(&t);
	if (follows_key_updates(r))
		change_keys(&t);
	say_goodbye(&t);
	close_talk(&t);
	if (ends) {
		if (session && r->version == TLS1_3_VERSION) {
			SSL_SESSION_free(session); /* a ticket is good for one connection */
			session = earlier_session(&t);
		}
		begin(&t, k, session);
		end_at_key_update(&t, k->resumed);
		close_talk(&t);
	}
	SSL_SESSION_free(session);
	SSL_CTX_free(t.ours);
	SSL_CTX_free(t.theirs);
	after = count();
	assert_counted(before.tx, after.tx, kernel + ends);
	assert_counted(before.rx, after.rx, kernel + ends);
	assert_counted(before.tx_rekeys, after.tx_rekeys, rekeys ? UPDATES_MAX / 2 + 1 : 0);
	assert_counted(before.rx_rekeys, after.rx_rekeys, rekeys ? UPDATES_MAX : 0);
	assert_counted(before.bad, after.bad, 0);
	r->now = NULL;
}

/* Which of the steps into the kernel was refused, and how. */
static void explain(const struct row *r, char *text, size_t len)
{
	const struct ktls_kernel_suite *s =
		r->version == TLS1_3_VERSION ? &caps.tls13[r->aead] : &caps.tls12[r->aead];

	if (caps.ulp)
		snprintf(text, len, "TCP_ULP: %s", strerror(-caps.ulp));
	else if (s->tx)
		snprintf(text, len, "TLS_TX: %s", strerror(-s->tx));
	else if (s->rx)
		snprintf(text, len, "TLS_RX: %s", strerror(-s->rx));
	else
		snprintf(text, len, "-");
}

static void write_row(const struct row *r)
{
	struct utsname kernel;
	char why[128];

	assert_int_equal(uname(&kernel), 0);
	explain(r, why, sizeof(why));
	fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", kernel.release,
		r->version == TLS1_3_VERSION ? "1.3" : "1.2", ktls_aead_info(r->aead)->name,
		r->role == KTLS_SERVER ? "server" : "client", is_in_kernel(r) ? "kernel" : "user", why,
		r->version != TLS1_3_VERSION ? "-"
		: follows_key_updates(r)     ? "yes"
					     : "no");
	fflush(table);
}

static void test_row(void **state)
{
	struct row *r = *state;

	if (is_promised() && (r->aead == KTLS_AES_128_GCM || r->aead == KTLS_AES_256_GCM))
		assert_true(is_in_kernel(r));
	for (unsigned i = 0; i < COUNT(kinds); i++)
		check_case(r, &kinds[i]);
	write_row(r);
}

static int name_case(void **state)
{
	const struct row *r = *state;

	if (r->now)
		fprintf(stderr, "%s: %s: failed\n", r->name, r->now);
	return 0;
}

static int prepare(void **state)
{
	(void)state;
	identities[0] = make_identity("RSA", "localhost", NULL);
	identities[1] = make_identity("EC", "localhost", NULL);
	table = table_name ? fopen(table_name, "w") : stdout;
	return !table || ktls_kernel_probe(&caps);
}

static int clean_up(void **state)
{
	(void)state;
	free_identity(&identities[0]);
	free_identity(&identities[1]);
	return table_name && table ? fclose(table) : 0;
}

int main(int argc, char **argv)
{
	static const uint16_t versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	static struct row rows[COUNT(versions) * KTLS_AEADS * 2];
	struct CMUnitTest kernel_suites[COUNT(rows)];
	unsigned count_rows = 0;

	if (argc > 2) {
		fprintf(stderr, "usage: kernel_suites [FILE]\n");
		return 2;
	}
	table_name = argv[1];
	for (unsigned v = 0; v < COUNT(versions); v++)
		for (int aead = 0; aead < KTLS_AEADS; aead++)
			for (int role = KTLS_SERVER; role <= KTLS_CLIENT; role++) {
				struct row *r = &rows[count_rows];

				*r = (struct row){.version = versions[v],
					.aead = aead,
					.role = role,
					.now = "not begun"};
				snprintf(r->name, sizeof(r->name), "TLS 1.%d, %s, %s", v ? 3 : 2,
					ktls_aead_info(aead)->name,
					role == KTLS_SERVER ? "server" : "client");
				kernel_suites[count_rows++] =
					(struct CMUnitTest){r->name, test_row, NULL, name_case, r};
			}
	return cmocka_run_group_tests_name("kernel_suites", kernel_suites, prepare, clean_up) != 0;
}
