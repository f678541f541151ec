/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every question to a snapshot whose certificates are what the input says. */
#include "fuzz.h"

#include "select/answer.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

static struct snapshot *make_snapshot(struct input *in)
{
	uint8_t certs = take(in), cut = take(in);
	struct snapshot *s;
	size_t chain_len = in->left * cut / 256, len = in->left - chain_len;
	uint32_t n = (uint32_t)chain_len;

	s = calloc(1, offsetof(struct snapshot, data) + in->left + sizeof(n));
	REQUIRE(s);
	s->peer_len = (uint32_t)len;
	memcpy(s->data, in->p, len);
	s->chain = (uint32_t)len;
	s->chain_certs = len && certs & 1 ? 2 : 0;
	memcpy(s->data + len, &n, sizeof(n));
	memcpy(s->data + len + sizeof(n), in->p + len, chain_len);
	return s;
}

static struct snapshot_cert *make_own(const struct input *in)
{
	struct snapshot_cert *own = malloc(sizeof(*own) + in->left);

	REQUIRE(own);
	own->len = (uint32_t)in->left;
	memcpy(own->der, in->p, in->left);
	return own;
}

static ssize_t ask(const struct snapshot *s, const struct question *q, char *buf)
{
	ssize_t n = snapshot_answer(s, q, buf);

	REQUIRE(n < 0 || n <= ANSWER_MAX);
	REQUIRE(!ERR_peek_error());
	return n;
}

static void ask_twice(const struct snapshot *s, struct question q)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~%";
	static char plain[ANSWER_MAX], escaped[ANSWER_MAX];
	ssize_t n = ask(s, &q, plain), m;

	q.escaped = 1;
	m = ask(s, &q, escaped);
	REQUIRE((n < 0) == (m < 0) && m >= n && m <= 3 * (n > 0 ? n : 1));
	for (ssize_t i = 0; i < m; i++)
		REQUIRE(escaped[i] && strchr(safe, escaped[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const int nids[] = {NID_commonName, NID_organizationName, NID_userId};
	static const uint8_t types[] = {GEN_EMAIL, GEN_DNS, GEN_URI, GEN_IPADD};
	struct input in = {data, len};
	struct snapshot *s = make_snapshot(&in);
	struct snapshot_cert *own = make_own(&in);

	s->own = own;
	for (int field = ANSWER_VERIFIED; field < ANSWER_FIELDS; field++)
		for (unsigned i = 0; i < 4; i++)
			for (int is_own = 0; is_own < 2; is_own++)
				ask_twice(s, (struct question){.field = (uint8_t)field,
						     .own = (uint8_t)is_own,
						     .nid = nids[i % 3],
						     .san = types[i],
						     .index = (int)i % 3});
	free(s);
	free(own);
	return 0;
}
