/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint16_t versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* Calls check() with a key of every kind that there is. */
static void for_each_kind(void (*check)(struct ktls_key key))
{
	for (unsigned v = 0; v < COUNT(versions); v++)
		for (int aead = 0; aead < KTLS_AEADS; aead++)
			check(make_key(versions[v], aead, 7));
}

static size_t expansion(const struct ktls_key *k)
{
	return KTLS_HEADER_LEN + KTLS_TAG_LEN + (ktls_key_has_explicit_nonce(k) ? KTLS_EXPLICIT_LEN : 0) +
	       (k->version == TLS1_3_VERSION ? 1 : 0);
}

/* Seals len bytes of fill(seed) and returns the record's length. */
static size_t seal(struct ktls_key *k, enum ktls_content_type type, size_t len, unsigned seed, uint8_t *out)
{
	static uint8_t plain[KTLS_MAX_PLAIN];
	ssize_t n;

	fill(plain, len, seed);
	n = ktls_record_seal(k, type, plain, len, out, KTLS_MAX_RECORD);
	assert_int_equal(n, len + expansion(k));
	return (size_t)n;
}

static void check_round_trip(struct ktls_key tx)
{
	static const size_t lengths[] = {0, 1, 100, 16383, 16384};
	static uint8_t record[KTLS_MAX_RECORD], expected[KTLS_MAX_PLAIN];
	struct ktls_key rx = tx;

	for (unsigned i = 0; i < COUNT(lengths); i++) {
		enum ktls_content_type type = i % 2 ? KTLS_APPLICATION_DATA : KTLS_ALERT;
		struct ktls_plain plain;
		size_t n = seal(&tx, type, lengths[i], i, record);

		assert_int_equal(ktls_record_length(record), n);
		assert_int_equal(record[0], tx.version == TLS1_3_VERSION ? KTLS_APPLICATION_DATA : type);
		assert_int_equal(tx.seq, i + 1);
		assert_int_equal(ktls_record_open(&rx, record, n, &plain), 0);
		assert_int_equal(rx.seq, i + 1);
		assert_int_equal(plain.type, type);
		assert_int_equal(plain.len, lengths[i]);
		assert_true(plain.data > record && plain.data + plain.len <= record + n);
		fill(expected, lengths[i], i);
		assert_memory_equal(plain.data, expected, lengths[i]);
	}
}

static void test_round_trip(void **state)
{
	(void)state;
	for_each_kind(check_round_trip);
}

static void check_limits(struct ktls_key k)
{
	static uint8_t plain[KTLS_MAX_PLAIN + 1], out[KTLS_MAX_RECORD + 100];
	const struct ktls_key before = k;
	size_t need = 100 + expansion(&k);

	assert_int_equal(ktls_record_seal(&k, KTLS_APPLICATION_DATA, plain, sizeof(plain), out, sizeof(out)),
		-EMSGSIZE);
	assert_int_equal(ktls_record_seal(&k, KTLS_APPLICATION_DATA, plain, 100, out, need - 1), -EMSGSIZE);
	assert_int_equal(ktls_record_seal(&k, KTLS_APPLICATION_DATA, plain, 0, out, 0), -EMSGSIZE);
	assert_memory_equal(&k, &before, sizeof(k));
	assert_int_equal(ktls_record_seal(&k, KTLS_APPLICATION_DATA, plain, 100, out, need), need);
	assert_true(expansion(&k) <= KTLS_MAX_EXPANSION);
}

static void test_limits(void **state)
{
	(void)state;
	for_each_kind(check_limits);
}

static void check_every_flipped_bit(struct ktls_key tx)
{
	uint8_t record[256], copy[256];
	struct ktls_key rx;
	struct ktls_plain plain;
	size_t n = seal(&tx, KTLS_APPLICATION_DATA, 50, 1, record);

	for (size_t bit = 0; bit < n * 8; bit++) {
		size_t byte = bit / 8;
		/* TLS 1.3 looks at the outer type before it decrypts. */
		int expected = byte == 0 && tx.version == TLS1_3_VERSION ? -EPROTO : -EBADMSG;

		/* TLS 1.2 protects the length of the content, the caller that of the record. */
		if (byte == 3 || byte == 4)
			continue;
		memcpy(copy, record, n);
		copy[byte] ^= (uint8_t)(1 << bit % 8);
		rx = tx;
		rx.seq = 0;
		assert_int_equal(ktls_record_open(&rx, copy, n, &plain), expected);
		assert_int_equal(rx.seq, 0);
	}
}

static void test_flipped_bits(void **state)
{
	(void)state;
	for_each_kind(check_every_flipped_bit);
}

static void check_wrong_lengths(struct ktls_key tx)
{
	uint8_t record[256], copy[256];
	struct ktls_key rx = tx;
	struct ktls_plain plain;
	size_t n = seal(&tx, KTLS_APPLICATION_DATA, 50, 1, record);

	for (size_t len = KTLS_HEADER_LEN; len < n; len++) {
		memcpy(copy, record, n);
		assert_int_equal(ktls_record_open(&rx, copy, len, &plain), -EBADMSG);
	}
	memcpy(copy, record, n);
	copy[n] = 0;
	assert_int_equal(ktls_record_open(&rx, copy, n + 1, &plain), -EBADMSG);
	assert_int_equal(rx.seq, 0);
}

static void test_wrong_lengths(void **state)
{
	(void)state;
	for_each_kind(check_wrong_lengths);
}

static void check_order(struct ktls_key tx)
{
	uint8_t first[256], second[256], copy[256];
	struct ktls_key rx = tx;
	struct ktls_plain plain;
	size_t n = seal(&tx, KTLS_APPLICATION_DATA, 50, 1, first);

	seal(&tx, KTLS_APPLICATION_DATA, 50, 2, second);
	memcpy(copy, second, n);
	assert_int_equal(ktls_record_open(&rx, copy, n, &plain), -EBADMSG); /* one was left out */
	memcpy(copy, first, n);
	assert_int_equal(ktls_record_open(&rx, copy, n, &plain), 0);
	assert_int_equal(ktls_record_open(&rx, first, n, &plain), -EBADMSG); /* replayed */
	assert_int_equal(ktls_record_open(&rx, second, n, &plain), 0);
}

static void test_order(void **state)
{
	(void)state;
	for_each_kind(check_order);
}

static void check_last_sequence_number(struct ktls_key k)
{
	uint8_t record[256];
	struct ktls_plain plain;
	size_t n;

	k.seq = UINT64_MAX - 1;
	n = seal(&k, KTLS_APPLICATION_DATA, 10, 1, record);
	assert_int_equal(
		ktls_record_seal(&k, KTLS_APPLICATION_DATA, "x", 1, record, sizeof(record)), -EOVERFLOW);
	assert_int_equal(ktls_record_open(&k, record, n, &plain), -EOVERFLOW);
	assert_true(k.seq == UINT64_MAX);
	k.seq--;
	assert_int_equal(ktls_record_open(&k, record, n, &plain), 0);
}

static void test_last_sequence_number(void **state)
{
	(void)state;
	for_each_kind(check_last_sequence_number);
}

static int compare_blocks(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/*
 * All AEADs here are stream ciphers: the same content gives the same bytes if, and only if, the nonce is the
 * same. So equal ciphertexts would show a nonce used twice.
 */
static void check_nonces(struct ktls_key k)
{
	static const uint64_t starts[] = {0, 0xff00, 0xffffff00, UINT64_MAX - 2000};
	enum {
		EACH = 1000
	};
	static uint8_t blocks[COUNT(starts) * EACH][16];
	static const uint8_t zeros[16];
	unsigned count = 0;

	memset(k.iv + 4, 0xff, 8); /* explicit nonces wrap at once */
	for (unsigned s = 0; s < COUNT(starts); s++) {
		k.seq = starts[s];
		for (unsigned i = 0; i < EACH; i++) {
			uint8_t record[128];
			ssize_t n = ktls_record_seal(
				&k, KTLS_APPLICATION_DATA, zeros, sizeof(zeros), record, sizeof(record));

			assert_int_equal(n, sizeof(zeros) + expansion(&k));
			memcpy(blocks[count++],
				record + KTLS_HEADER_LEN + (ktls_key_has_explicit_nonce(&k) ? 8 : 0), 16);
		}
	}
	qsort(blocks, count, sizeof(blocks[0]), compare_blocks);
	for (unsigned i = 1; i < count; i++)
		assert_memory_not_equal(blocks[i - 1], blocks[i], 16);
}

static void test_no_nonce_twice(void **state)
{
	(void)state;
	for_each_kind(check_nonces);
}

static void test_explicit_nonce_is_in_the_record(void **state)
{
	struct ktls_key k = make_key(TLS1_2_VERSION, KTLS_AES_128_GCM, 1);
	uint8_t record[128], nonce[KTLS_EXPLICIT_LEN];

	(void)state;
	for (int i = 0; i < 3; i++) {
		ktls_key_explicit_nonce(&k, nonce);
		seal(&k, KTLS_APPLICATION_DATA, 5, 1, record);
		assert_memory_equal(record + KTLS_HEADER_LEN, nonce, sizeof(nonce));
	}
}

static void test_tls12_content_too_long(void **state)
{
	static uint8_t record[KTLS_MAX_RECORD] = {23, 3, 3};

	(void)state;
	for (int aead = 0; aead < KTLS_AEADS; aead++) {
		struct ktls_key k = make_key(TLS1_2_VERSION, aead, 1);
		struct ktls_plain plain;

		assert_int_equal(
			ktls_record_open(&k, record, KTLS_MAX_PLAIN + 1 + expansion(&k), &plain), -EMSGSIZE);
	}
}

static void test_header(void **state)
{
	static const struct {
		const char *header;
		ssize_t length;
	} headers[] = {
		{"1703030001", 6},
		{"1403030001", 6},
		{"1503030002", 7},
		{"1603010200", 517},
		{"1703030000", 5},
		{"1703034000", 16389},
		{"1703034100", KTLS_MAX_RECORD}, /* RFC 8446 5.2: 2^14 + 256 */
		{"1703034101", -EMSGSIZE},
		{"170303ffff", -EMSGSIZE},
		{"1303030001", -EPROTO},
		{"1803030001", -EPROTO}, /* heartbeat */
		{"0003030001", -EPROTO},
		{"1702030001", -EPROTO},
		{"1704000001", -EPROTO},
		{"802e010301", -EPROTO}, /* SSLv2 */
		{"474554202f", -EPROTO}, /* GET / */
		{"170203ffff", -EPROTO},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(headers); i++) {
		uint8_t p[KTLS_HEADER_LEN];

		unhex(headers[i].header, p, sizeof(p));
		assert_int_equal(ktls_record_length(p), headers[i].length);
	}
}

/* The cipher contexts are shared by all keys of a thread: no key may leave something behind for the next. */
static void test_keys_take_turns(void **state)
{
	struct ktls_key tx[12], rx[12];
	uint8_t record[256], broken[256];
	struct ktls_plain plain;

	(void)state;
	for (unsigned i = 0; i < COUNT(tx); i++)
		tx[i] = rx[i] = make_key(versions[i % 2], i % KTLS_AEADS, i);
	for (unsigned round = 0; round < 20; round++)
		for (unsigned i = 0; i < COUNT(tx); i++) {
			size_t n = seal(&tx[i], KTLS_APPLICATION_DATA, round, i, record);

			memcpy(broken, record, n);
			broken[n - 1] ^= 1;
			assert_int_equal(ktls_record_open(&rx[i], broken, n, &plain), -EBADMSG);
			assert_int_equal(ktls_record_open(&rx[i], record, n, &plain), 0);
			assert_int_equal(plain.len, round);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_wrong_lengths),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_last_sequence_number),
		cmocka_unit_test(test_no_nonce_twice),
		cmocka_unit_test(test_explicit_nonce_is_in_the_record),
		cmocka_unit_test(test_tls12_content_too_long),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_keys_take_turns),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
