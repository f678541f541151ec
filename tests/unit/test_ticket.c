/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ticket keys that several servers share: who resumes what, and for how long. */
#include "connection.h"

#include "ktls/ticket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct identity server_id;
static const struct {
	int version;
	const char *suite;
} kinds[] = {
	{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"},
	{TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
};

static int make_identities(void **state)
{
	(void)state;
	server_id = make_identity("EC", "server", NULL);
	return 0;
}

static int free_identities(void **state)
{
	(void)state;
	free_identity(&server_id);
	return 0;
}

static SSL_CTX *make_server(struct ktls_ticket_keys *keys)
{
	SSL_CTX *ctx = server_context(&server_id, KTLS_VERIFY_NONE, NULL);

	assert_int_equal(ktls_ticket_use(ctx, keys), 0);
	return ctx;
}

/* One connection; *session is what it began with and then what it left. Returns whether it was resumed. */
static int meet(SSL_CTX *server, int kind, SSL_SESSION **session)
{
	SSL_CTX *client = client_context(kinds[kind].version, kinds[kind].suite);
	struct connection c;
	struct ktls_session_keys keys;
	int reused;

	connection_open(&c, server, client);
	if (*session)
		assert_int_equal(SSL_set_session(c.client, *session), 1);
	connection_establish(&c, &keys);
	reused = SSL_session_reused(c.client);
	connection_talk(&c, &keys);
	SSL_SESSION_free(*session);
	*session = SSL_get1_session(c.client);
	connection_close(&c);
	SSL_CTX_free(client);
	return reused;
}

static int same_ticket(const SSL_SESSION *a, const SSL_SESSION *b)
{
	const unsigned char *x, *y;
	size_t x_len, y_len;

	SSL_SESSION_get0_ticket(a, &x, &x_len);
	SSL_SESSION_get0_ticket(b, &y, &y_len);
	return x_len == y_len && !memcmp(x, y, x_len);
}

static void test_shared(void **state)
{
	struct ktls_ticket_keys keys = {0};
	SSL_CTX *one, *other;

	(void)state;
	assert_int_equal(ktls_ticket_rotate(&keys), 0);
	one = make_server(&keys);
	other = make_server(&keys);
	for (int i = 0; i < 2; i++) {
		SSL_SESSION *session = NULL, *before;

		assert_false(meet(one, i, &session));
		assert_true(meet(other, i, &session));
		SSL_SESSION_up_ref(session);
		before = session;
		assert_true(meet(one, i, &session));
		/* A ticket of TLS 1.3 is used once: each connection leaves a new one. */
		assert_int_equal(session != before && !same_ticket(before, session), i == 1);
		SSL_SESSION_free(before);
		SSL_SESSION_free(session);
	}
	SSL_CTX_free(one);
	SSL_CTX_free(other);
}

static void test_strangers(void **state)
{
	struct ktls_ticket_keys keys = {0}, others = {0};
	SSL_CTX *one, *other;

	(void)state;
	assert_int_equal(ktls_ticket_rotate(&keys), 0);
	assert_int_equal(ktls_ticket_rotate(&others), 0);
	one = make_server(&keys);
	other = make_server(&others);
	for (int i = 0; i < 2; i++) {
		SSL_SESSION *session = NULL;

		assert_false(meet(one, i, &session));
		assert_false(meet(other, i, &session));
		SSL_SESSION_free(session);
	}
	SSL_CTX_free(one);
	SSL_CTX_free(other);
}

/* A session lives as long as its key, and moves to the newest when it is used. */
static void test_rotation(void **state)
{
	struct ktls_ticket_keys keys = {0};
	SSL_CTX *server;

	(void)state;
	assert_int_equal(ktls_ticket_rotate(&keys), 0);
	server = make_server(&keys);
	for (int i = 0; i < 2; i++) {
		SSL_SESSION *idle = NULL, *used = NULL;

		assert_false(meet(server, i, &idle));
		assert_false(meet(server, i, &used));
		for (int n = 0; n < KTLS_TICKET_KEYS; n++) {
			assert_true(meet(server, i, &used));
			assert_int_equal(ktls_ticket_rotate(&keys), 0);
			assert_true(keys.count <= KTLS_TICKET_KEYS);
		}
		assert_true(meet(server, i, &used));
		assert_false(meet(server, i, &idle));
		SSL_SESSION_free(idle);
		SSL_SESSION_free(used);
	}
	SSL_CTX_free(server);
}

/* Without keys, or while their writer is stuck, handshakes are full ones. */
static void test_no_keys(void **state)
{
	struct ktls_ticket_keys keys = {0};
	SSL_CTX *server;

	(void)state;
	server = make_server(&keys);
	for (int i = 0; i < 2; i++) {
		SSL_SESSION *session = NULL;

		assert_false(meet(server, i, &session));
		assert_false(meet(server, i, &session));
		assert_int_equal(ktls_ticket_rotate(&keys), 0);
		keys.version++;
		assert_false(meet(server, i, &session));
		assert_false(meet(server, i, &session));
		memset(&keys, 0, sizeof(keys));
		SSL_SESSION_free(session);
	}
	SSL_CTX_free(server);
}

static void write_file(const char *path, size_t len)
{
	uint8_t bytes[KTLS_TICKET_KEY_BYTES * (KTLS_TICKET_KEYS + 2)];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i / KTLS_TICKET_KEY_BYTES + i);
	assert_true(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

static void test_file(void **state)
{
	char folder[] = "/tmp/ticket-XXXXXX", path[64];
	static const size_t wrong[] = {0, 1, KTLS_TICKET_KEY_BYTES - 1, KTLS_TICKET_KEY_BYTES + 1,
		KTLS_TICKET_KEY_BYTES * KTLS_TICKET_KEYS + 1, KTLS_TICKET_KEY_BYTES * (KTLS_TICKET_KEYS + 1)};
	struct ktls_ticket_keys keys = {0}, before;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/keys", folder);
	assert_int_equal(ktls_ticket_read(&keys, path), -ENOENT);
	for (uint32_t n = 1; n <= KTLS_TICKET_KEYS; n++) {
		write_file(path, n * KTLS_TICKET_KEY_BYTES);
		assert_int_equal(ktls_ticket_read(&keys, path), 0);
		assert_int_equal(keys.count, n);
		assert_int_equal(keys.keys[n - 1].name[0], (n - 1) * (KTLS_TICKET_KEY_BYTES + 1));
		assert_false(keys.version & 1);
	}
	before = keys;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		write_file(path, wrong[i]);
		assert_int_equal(ktls_ticket_read(&keys, path), -EINVAL);
		assert_memory_equal(&keys, &before, sizeof(keys));
	}
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_no_keys),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests_name("ticket", tests, make_identities, free_identities);
}
