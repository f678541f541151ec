/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "asking.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

struct snapshot *ask_about(const struct asked *a)
{
	struct ktls_session_keys keys;
	struct connection c;
	struct snapshot *s;
	size_t size;
	SSL *ssl;

	connection_open(&c, a->server, a->client);
	if (a->server_name)
		assert_int_equal(SSL_set_tlsext_host_name(c.client, a->server_name), 1);
	connection_establish(&c, &keys);
	ssl = ktls_handshake_ssl(c.server);
	size = snapshot_size(ssl, &a->about);
	s = malloc(size);
	assert_non_null(s);
	memset(s, 0xa5, size);
	assert_int_equal(snapshot_take(s, size, ssl, &a->about), 0);
	assert_int_equal(s->size, size);
	connection_close(&c);
	return s;
}

struct snapshot_cert *keep_cert(X509 *cert)
{
	int len = i2d_X509(cert, NULL);
	struct snapshot_cert *own;
	unsigned char *der;

	assert_true(len > 0);
	own = malloc(sizeof(*own) + (size_t)len);
	assert_non_null(own);
	own->len = (uint32_t)len;
	der = own->der;
	assert_int_equal(i2d_X509(cert, &der), len);
	return own;
}

/* The buffer is of the size that is promised to be enough, and not a byte larger. */
static ssize_t ask(const struct snapshot *s, struct question q, char **buf)
{
	ssize_t n;

	*buf = malloc(ANSWER_MAX);
	assert_non_null(*buf);
	n = snapshot_answer(s, &q, *buf);
	/* The caller may be in the middle of something with OpenSSL. */
	assert_int_equal(ERR_peek_error(), 0);
	return n;
}

void assert_answer(const struct snapshot *s, struct question q, const void *value, size_t len)
{
	char *buf;
	ssize_t n = ask(s, q, &buf);

	assert_int_equal(n, len);
	assert_memory_equal(buf, value, len);
	free(buf);
}

void assert_answer_text(const struct snapshot *s, struct question q, const char *text)
{
	assert_answer(s, q, text, strlen(text));
}

void assert_no_answer(const struct snapshot *s, struct question q)
{
	char *buf;

	assert_int_equal(ask(s, q, &buf), -ENOENT);
	free(buf);
}
