/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens any bytes as a record, and records of ours with any one byte changed. */
#include "fuzz.h"

#include <errno.h>

/* A copy of exactly that length, so that the sanitizer sees every byte read or written beside it. */
static uint8_t *copy_of(const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	REQUIRE(copy);
	memcpy(copy, p, len);
	return copy;
}

static void open_anything(struct ktls_key *k, struct input *in)
{
	uint8_t *record = copy_of(in->p, in->left);
	uint64_t seq = k->seq;
	struct ktls_plain plain;
	ssize_t len;
	int rc;

	if (in->left >= KTLS_HEADER_LEN) {
		len = ktls_record_length(record);
		REQUIRE(len == -EPROTO || len == -EMSGSIZE ||
			(len >= KTLS_HEADER_LEN && len <= KTLS_MAX_RECORD));
		rc = ktls_record_open(k, record, in->left, &plain);
		REQUIRE(rc == -EBADMSG || rc == -EPROTO || rc == -EMSGSIZE || rc == -EOVERFLOW);
		REQUIRE(k->seq == seq);
	}
	free(record);
}

/* Content behind a record's type, or in TLS 1.3, with the type 0, in front of padding. */
static void check_opened(const struct ktls_key *k, int rc, uint8_t type, const uint8_t *text, size_t len,
	const struct ktls_plain *plain, const uint8_t *record, size_t record_len)
{
	if (k->version == TLS1_3_VERSION && type == 0) {
		while (len && !text[len - 1])
			len--;
		if (!len) {
			REQUIRE(rc == -EPROTO);
			return;
		}
		type = text[--len];
	}
	REQUIRE(rc == 0);
	REQUIRE(plain->type == type && plain->len == len);
	REQUIRE(plain->data >= record && plain->data + len <= record + record_len);
	REQUIRE(!memcmp(plain->data, text, len));
}

static void seal_and_open(struct ktls_key *k, struct input *in)
{
	uint8_t type = take(in), change = take(in);
	size_t where = (size_t)take(in) << 8 | take(in), len;
	struct ktls_key rx = *k;
	struct ktls_plain plain;
	const uint8_t *text;
	uint8_t *record;
	ssize_t n;
	int rc;

	len = take_run(in, KTLS_MAX_PLAIN, &text);
	record = malloc(len + KTLS_MAX_EXPANSION);
	REQUIRE(record);
	n = ktls_record_seal(k, type, text, len, record, len + KTLS_MAX_EXPANSION);
	if (k->seq == UINT64_MAX && n < 0) {
		REQUIRE(n == -EOVERFLOW);
		free(record);
		return;
	}
	REQUIRE(n > 0 && (size_t)n <= len + KTLS_MAX_EXPANSION && k->seq == rx.seq + 1);
	where %= (size_t)n;
	record[where] ^= change;
	rc = ktls_record_open(&rx, record, (size_t)n, &plain);
	/* TLS 1.2 protects the length of the content, its caller that of the record. */
	if (!change || (k->version == TLS1_2_VERSION && (where == 3 || where == 4)))
		check_opened(k, rc, type, text, len, &plain, record, (size_t)n);
	else
		REQUIRE(rc == -EBADMSG || rc == -EPROTO);
	free(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = {data, len};
	uint8_t mode = take(&in);
	struct ktls_key k = take_key(&in);

	if (mode & 2)
		k.seq = UINT64_MAX - take(&in) % 3;
	if (mode & 1)
		open_anything(&k, &in);
	else
		seal_and_open(&k, &in);
	return 0;
}
