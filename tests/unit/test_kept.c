/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of kept connections: what was written is what is read, and what nobody wrote harms nobody. */
#include "addresses.h"

#include "ser/shared/kept.h"
#include "ser/shared/messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char texts[] = "TLSv1.3\0TLS_AES\0description\0example.org\0x25519\0sip";

static union {
	struct snapshot s;
	uint8_t bytes[offsetof(struct snapshot, data) + sizeof(texts) + 3];
} facts;

static _Alignas(8) uint8_t record[8192];

static struct kept make_kept(void)
{
	static const struct snapshot_cert own = {.len = 3};
	struct kept k = {.why = HOME_WHY_NOT_TAKEN,
		.why_error = -EOPNOTSUPP,
		.since = 1700000000,
		.remote = make_address("2001:db8::1", 1),
		.local = make_address("2001:db8::2", 2),
		.transport_remote = make_address("192.0.2.1", 3),
		.transport_local = make_address("192.0.2.2", 4),
		.listener = make_address("192.0.2.3", 5061),
		.domain = "server:192.0.2.3:5061",
		.server_id = "",
		.server_name = "example.org",
		.aliases = 2,
		.alias = {5061, 65535},
		.snapshot = &facts.s,
		.own = (const uint8_t *)"own",
		.own_len = 3,
		.stream = (const uint8_t *)"stream",
		.stream_len = 6,
		.unread = (const uint8_t *)"INVITE sip:",
		.unread_len = 11};

	memset(&facts, 0, sizeof(facts));
	facts.s = (struct snapshot){.size = sizeof(facts.bytes),
		.own = &own,
		.home = KTLS_HOME_USER,
		.cipher = 8,
		.description = 16,
		.server_name = 28,
		.group = 40,
		.alpn = 47,
		.alpn_len = 3,
		.peer = sizeof(texts),
		.peer_len = 3};
	memcpy(facts.s.data, texts, sizeof(texts));
	k.remote.in6.sin6_scope_id = 7;
	return k;
}

static size_t encode(const struct kept *k)
{
	ssize_t len = kept_encode(k, record, sizeof(record));

	assert_true(len > 0);
	return (size_t)len;
}

static void assert_same_address(const union uring_address *a, const union uring_address *b)
{
	assert_memory_equal(a, b, sizeof(*a));
}

static void assert_same(const struct kept *a, const struct kept *b)
{
	assert_int_equal(a->outbound, b->outbound);
	assert_int_equal(a->why, b->why);
	assert_int_equal(a->why_error, b->why_error);
	assert_int_equal(a->since, b->since);
	assert_same_address(&a->remote, &b->remote);
	assert_same_address(&a->local, &b->local);
	assert_same_address(&a->transport_remote, &b->transport_remote);
	assert_same_address(&a->transport_local, &b->transport_local);
	assert_same_address(&a->listener, &b->listener);
	assert_string_equal(a->domain, b->domain);
	assert_string_equal(a->server_id, b->server_id);
	assert_string_equal(a->server_name, b->server_name);
	assert_int_equal(a->aliases, b->aliases);
	assert_memory_equal(a->alias, b->alias, a->aliases * sizeof(a->alias[0]));
	assert_int_equal(a->own_len, b->own_len);
	assert_memory_equal(a->own, b->own, a->own_len);
	assert_int_equal(a->stream_len, b->stream_len);
	assert_memory_equal(a->stream, b->stream, a->stream_len);
	assert_int_equal(a->unread_len, b->unread_len);
	assert_memory_equal(a->unread, b->unread, a->unread_len);
}

static void check_there_and_back(const struct kept *k)
{
	size_t len = encode(k);
	struct kept back;

	assert_int_equal(kept_decode(&back, record, len), 0);
	assert_same(k, &back);
	assert_int_equal((uintptr_t)back.snapshot % 8, 0);
	assert_int_equal(back.snapshot->size, facts.s.size);
	assert_null(back.snapshot->own);
	assert_memory_equal(
		back.snapshot->data, facts.s.data, sizeof(facts.bytes) - offsetof(struct snapshot, data));
}

static void test_there_and_back(void **state)
{
	struct kept k = make_kept();

	(void)state;
	check_there_and_back(&k);
	k.own_len = k.unread_len = k.aliases = 0;
	k.server_id = "id";
	k.domain = "";
	check_there_and_back(&k);
}

/* It did not come in anywhere. */
static void test_outbound(void **state)
{
	struct kept k = make_kept(), back;

	(void)state;
	memset(&k.listener, 0, sizeof(k.listener));
	assert_int_equal(kept_decode(&back, record, encode(&k)), -EINVAL);
	k.outbound = 1;
	check_there_and_back(&k);
}

/* No address of this process may be seen by another. */
static void test_no_pointer(void **state)
{
	struct kept k = make_kept();
	const void *own = facts.s.own;

	(void)state;
	assert_null(memmem(record, encode(&k), &own, sizeof(own)));
}

static void test_room(void **state)
{
	struct kept k = make_kept();
	size_t len = encode(&k);
	uint8_t *exact = malloc(len);

	(void)state;
	assert_non_null(exact);
	assert_int_equal(kept_encode(&k, exact, len), len);
	assert_int_equal(kept_encode(&k, exact, len - 1), -ENOSPC);
	assert_int_equal(kept_encode(&k, exact, 0), -ENOSPC);
	free(exact);
}

/* What contradicts itself. */
static void test_refused(void **state)
{
	static const char too_long[KEPT_NAME_MAX + 2] = {[0 ... KEPT_NAME_MAX] = 'x'};
	struct kept k[9], back;

	(void)state;
	for (unsigned i = 0; i < COUNT(k); i++)
		k[i] = make_kept();
	k[0].why = HOME_WHY_KERNEL;
	k[1].why = HOME_WHY_NO_AEAD;
	k[2].why = HOME_WHYS;
	k[3].stream_len = 0;
	k[4].remote.any.sa_family = AF_UNIX;
	k[5].transport_local = k[5].remote;
	k[6].domain = too_long;
	k[7].server_id = too_long;
	k[8].outbound = 2;
	for (unsigned i = 0; i < COUNT(k); i++)
		assert_int_equal(kept_decode(&back, record, encode(&k[i])), -EINVAL);
	k[0] = make_kept();
	facts.s.home = KTLS_HOME_KERNEL;
	assert_int_equal(kept_decode(&back, record, encode(&k[0])), -EINVAL);
	facts.s.home = KTLS_HOME_RELAYED;
	k[0].why = HOME_WHY_NO_AEAD;
	assert_int_equal(kept_decode(&back, record, encode(&k[0])), -EINVAL);
}

static unsigned sum(const uint8_t *p, size_t len)
{
	unsigned all = 0;

	for (size_t i = 0; i < len; i++)
		all += p[i];
	return all;
}

/* Touches all that a record refers to. */
static unsigned touch(const struct kept *k)
{
	const struct snapshot *s = k->snapshot;

	assert_true(strlen(k->domain) <= KEPT_NAME_MAX);
	assert_true(strlen(k->server_id) <= CHOICE_SERVER_ID_MAX);
	assert_true(strlen(k->server_name) <= CHOICE_SERVER_NAME_MAX);
	assert_true(k->aliases <= KEPT_ALIASES_MAX);
	return sum((const uint8_t *)s, s->size) + sum(k->own, k->own_len) + sum(k->stream, k->stream_len) +
	       sum(k->unread, k->unread_len);
}

/* Decodes a copy with nothing behind it that anybody may read. */
static int decode(const uint8_t *in, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct kept k;
	int rc;

	assert_non_null(copy);
	memcpy(copy, in, len);
	rc = kept_decode(&k, copy, len);
	if (!rc)
		touch(&k);
	free(copy);
	return rc;
}

static void test_wrong_lengths(void **state)
{
	struct kept k = make_kept();
	size_t len = encode(&k);

	(void)state;
	for (size_t part = 0; part < len; part++)
		assert_int_equal(decode(record, part), -EINVAL);
	assert_int_equal(decode(record, len), 0);
	record[len] = 0;
	assert_int_equal(decode(record, len + 1), -EINVAL);
}

static void test_wrong_bytes(void **state)
{
	static const uint8_t flips[] = {1, 2, 4, 8, 16, 32, 64, 128, 255};
	struct kept k = make_kept();
	size_t len = encode(&k), refused = 0;

	(void)state;
	for (size_t i = 0; i < len; i++)
		for (size_t j = 0; j < COUNT(flips); j++) {
			int rc;

			record[i] ^= flips[j];
			rc = decode(record, len);
			assert_true(!rc || rc == -EINVAL);
			refused += rc != 0;
			record[i] ^= flips[j];
		}
	assert_true(refused > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_outbound),
		cmocka_unit_test(test_no_pointer),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_wrong_lengths),
		cmocka_unit_test(test_wrong_bytes),
	};

	return cmocka_run_group_tests_name("kept", tests, NULL, NULL);
}
