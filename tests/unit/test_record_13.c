/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What only TLS 1.3 records have: an inner plaintext with a type and padding, and published examples. */
#include "support.h"

#include <errno.h>
#include <string.h>

/* Opens a record of that inner plaintext: content bytes 'x', a type, zeros. */
static int open_padded(size_t content, uint8_t type, size_t zeros, struct ktls_plain *plain)
{
	static uint8_t inner[KTLS_MAX_PLAIN + 300], record[KTLS_MAX_RECORD + 300];
	struct ktls_key k = make_key(TLS1_3_VERSION, KTLS_AES_128_GCM, 3);

	k.seq = 0x0102030405060708;
	memset(inner, 0, sizeof(inner));
	memset(inner, 'x', content);
	inner[content] = type;
	return ktls_record_open(&k, record, seal_inner(&k, inner, content + 1 + zeros, record), plain);
}

static void test_padding_is_removed(void **state)
{
	static const size_t zeros[] = {0, 1, 15, 16, 255, 4000, 16284};
	struct ktls_plain plain;

	(void)state;
	for (unsigned i = 0; i < COUNT(zeros); i++) {
		assert_int_equal(open_padded(100, KTLS_HANDSHAKE, zeros[i], &plain), 0);
		assert_int_equal(plain.type, KTLS_HANDSHAKE);
		assert_int_equal(plain.len, 100);
		assert_int_equal(plain.data[99], 'x');
	}
	assert_int_equal(open_padded(0, KTLS_APPLICATION_DATA, 500, &plain), 0);
	assert_int_equal(plain.len, 0);
	assert_int_equal(open_padded(KTLS_MAX_PLAIN, KTLS_APPLICATION_DATA, 0, &plain), 0);
	assert_int_equal(plain.len, KTLS_MAX_PLAIN);
}

static void test_inner_plaintext_of_wrong_form(void **state)
{
	struct ktls_plain plain;

	(void)state;
	assert_int_equal(open_padded(0, 0, 0, &plain), -EPROTO); /* nothing but zeros: no type */
	assert_int_equal(open_padded(0, 0, 300, &plain), -EPROTO);
	/* RFC 8446 5.4: content, type and padding together are at most 2^14 + 1 bytes. */
	assert_int_equal(open_padded(KTLS_MAX_PLAIN + 1, KTLS_APPLICATION_DATA, 0, &plain), -EMSGSIZE);
	assert_int_equal(open_padded(KTLS_MAX_PLAIN, KTLS_APPLICATION_DATA, 1, &plain), -EMSGSIZE);
	assert_int_equal(open_padded(100, KTLS_APPLICATION_DATA, 16285, &plain), -EMSGSIZE);
}

/* The outer type of a TLS 1.3 record is always 23, also where the content would fit it. */
static void test_outer_type(void **state)
{
	struct ktls_key tx = make_key(TLS1_3_VERSION, KTLS_AES_256_GCM, 1), rx = tx;
	uint8_t record[128];
	struct ktls_plain plain;
	ssize_t n = ktls_record_seal(&tx, KTLS_ALERT, "\1", 2, record, sizeof(record));

	(void)state;
	assert_true(n > 0);
	for (int type = 0; type < 256; type++) {
		record[0] = (uint8_t)type;
		if (type != KTLS_APPLICATION_DATA)
			assert_int_equal(ktls_record_open(&rx, record, (size_t)n, &plain), -EPROTO);
	}
	assert_int_equal(rx.seq, 0);
}

/* RFC 8448 section 3, the records that protect 50 bytes 00..31 and the alerts behind them. */
static const struct {
	const char *key, *iv;
	uint64_t seq;
	enum ktls_content_type type;
	const char *plain, *record;
} rfc8448[] = {
	{"17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9", 0, KTLS_APPLICATION_DATA,
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
		"202122232425262728292a2b2c2d2e2f3031",
		"1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f"
		"2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae6"
		"3aeebb21694915e4"},
	{"17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9", 1, KTLS_ALERT, "0100",
		"1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"},
	{"9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984", 1, KTLS_APPLICATION_DATA,
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
		"202122232425262728292a2b2c2d2e2f3031",
		"17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36"
		"e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf33254"
		"0dd032e167c2955d"},
};

static void test_records_of_rfc8448(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(rfc8448); i++) {
		struct ktls_key tx = {.version = TLS1_3_VERSION, .aead = KTLS_AES_128_GCM}, rx;
		uint8_t plain[64], record[128];
		size_t len = unhex(rfc8448[i].plain, plain, sizeof(plain));
		struct ktls_plain opened;
		ssize_t n;

		unhex(rfc8448[i].key, tx.key, sizeof(tx.key));
		unhex(rfc8448[i].iv, tx.iv, sizeof(tx.iv));
		tx.seq = rfc8448[i].seq;
		rx = tx;
		n = ktls_record_seal(&tx, rfc8448[i].type, plain, len, record, sizeof(record));
		assert_true(n > 0);
		assert_hex(record, (size_t)n, rfc8448[i].record);
		assert_int_equal(ktls_record_open(&rx, record, (size_t)n, &opened), 0);
		assert_int_equal(opened.type, rfc8448[i].type);
		assert_hex(opened.data, opened.len, rfc8448[i].plain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_padding_is_removed),
		cmocka_unit_test(test_inner_plaintext_of_wrong_form),
		cmocka_unit_test(test_outer_type),
		cmocka_unit_test(test_records_of_rfc8448),
	};

	return cmocka_run_group_tests_name("record_13", tests, NULL, NULL);
}
