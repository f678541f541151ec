/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contexts that keep their keys: that they do, and that a key whose connection is gone is nowhere any more.
 */
#include "support.h"

#include "ktls/cipher.h"
#include "ktls/stream.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	MASK = 0x5a, /* what the test itself remembers of a key is not found as one */
};

static struct ktls_key fresh_key(enum ktls_aead aead)
{
	struct ktls_key k = make_key(TLS1_3_VERSION, aead, 1);

	assert_int_equal(RAND_bytes(k.key, sizeof(k.key)), 1);
	return k;
}

static void use(struct ktls_key *k)
{
	uint8_t out[128];

	assert_true(ktls_record_seal(k, KTLS_APPLICATION_DATA, "text", 4, out, sizeof(out)) > 0);
}

/* 1 when a context has the key already. */
static int is_kept(const struct ktls_key *k)
{
	const uint8_t *init;

	assert_non_null(ktls_cipher(k, KTLS_SEAL, &init));
	return !init;
}

static void test_kept(void **state)
{
	struct ktls_key keys[KTLS_CIPHERS_KEPT + 1];
	int kept = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(keys); i++)
		keys[i] = fresh_key(KTLS_AES_256_GCM);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < KTLS_CIPHERS_KEPT; i++)
			assert_int_equal(is_kept(&keys[i]), round > 0);
	assert_int_equal(is_kept(&keys[0]), 1);
	assert_int_equal(is_kept(&keys[KTLS_CIPHERS_KEPT]), 0); /* takes the place of one of them */
	for (unsigned i = 0; i < COUNT(keys); i++)
		kept += is_kept(&keys[i]);
	assert_in_range(kept, 1, KTLS_CIPHERS_KEPT);
}

static void test_directions_and_aeads(void **state)
{
	struct ktls_key k = fresh_key(KTLS_AES_256_GCM);
	const uint8_t *init;

	(void)state;
	for (int aead = 0; aead < KTLS_AEADS; aead++) {
		k.aead = (uint8_t)aead;
		for (int direction = KTLS_OPEN; direction <= KTLS_SEAL; direction++) {
			assert_non_null(ktls_cipher(&k, direction, &init));
			assert_ptr_equal(init, k.key);
			assert_non_null(ktls_cipher(&k, direction, &init));
			assert_null(init);
		}
	}
}

static void test_failure(void **state)
{
	struct ktls_key tx = fresh_key(KTLS_AES_128_GCM), rx = tx;
	struct ktls_plain plain;
	uint8_t record[128];
	ssize_t n = ktls_record_seal(&tx, KTLS_APPLICATION_DATA, "text", 4, record, sizeof(record));

	(void)state;
	assert_true(n > 0);
	record[n - 1] ^= 1;
	assert_int_equal(ktls_record_open(&rx, record, (size_t)n, &plain), -EBADMSG);
	assert_int_equal(is_kept(&tx), 0);
}

/* Whether 16 bytes stand anywhere in this process's writable memory; hidden: under MASK. */
static int is_in_memory(const uint8_t hidden[16])
{
	unsigned long begin, end;
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], rights[8];
	int found = 0;

	assert_non_null(maps);
	while (!found && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &begin, &end, rights) != 3 || rights[0] != 'r' ||
			rights[1] != 'w' || strstr(line, "[v"))
			continue;
		for (const volatile uint8_t *p = (uint8_t *)begin; !found && p + 16 <= (uint8_t *)end; p++) {
			int i = 0;

			while (i < 16 && (p[i] ^ MASK) == hidden[i])
				i++;
			found = i == 16;
		}
	}
	fclose(maps);
	return found;
}

static void hide(const struct ktls_key *k, uint8_t hidden[16])
{
	for (int i = 0; i < 16; i++)
		hidden[i] = k->key[i] ^ MASK;
}

static void skip_under_sanitizers(void)
{
#if defined(__SANITIZE_ADDRESS__)
	skip(); /* its shadow is too large to search, and freed memory stays as it was */
#endif
}

static void test_wiped_at_once(void **state)
{
	struct ktls_key k = fresh_key(KTLS_AES_256_GCM);
	uint8_t hidden[16];

	(void)state;
	skip_under_sanitizers();
	hide(&k, hidden);
	use(&k);
	ktls_key_wipe(&k);
	assert_int_equal(is_in_memory(hidden), 1);
	ktls_cipher_keys_gone();
	assert_int_equal(is_in_memory(hidden), 0);
}

/* A connection's end in another process. */
static void test_wiped_before_the_next_record(void **state)
{
	uint32_t *counter =
		mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct ktls_key k = fresh_key(KTLS_AES_256_GCM), other = fresh_key(KTLS_AES_256_GCM);
	uint8_t hidden[16];
	int status;
	pid_t pid;

	(void)state;
	skip_under_sanitizers();
	assert_ptr_not_equal(counter, MAP_FAILED);
	ktls_cipher_share(counter);
	hide(&k, hidden);
	use(&k);
	ktls_key_wipe(&k);
	pid = fork();
	if (!pid) {
		ktls_cipher_keys_gone();
		_exit(is_in_memory(hidden));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(is_in_memory(hidden), 1);
	use(&other);
	assert_int_equal(is_in_memory(hidden), 0);
	assert_int_equal(is_kept(&other), 1);
}

/* A connection's end in this process. */
static void test_stream(void **state)
{
	struct ktls_session_keys keys = {
		.rx = fresh_key(KTLS_AES_256_GCM), .tx = fresh_key(KTLS_AES_256_GCM)};
	struct ktls_stream s;

	(void)state;
	ktls_stream_init(&s, KTLS_HOME_USER, &keys, 0);
	use(&s.tx);
	assert_int_equal(is_kept(&keys.tx), 1);
	ktls_stream_wipe(&s, NULL);
	assert_int_equal(is_kept(&keys.tx), 0);
}

static void test_key_update(void **state)
{
	struct ktls_key k = fresh_key(KTLS_AES_128_GCM), before;
	struct ktls_secret secret = {.len = 32, .bytes = {1}};

	(void)state;
	use(&k);
	assert_int_equal(is_kept(&k), 1);
	before = k;
	assert_int_equal(ktls_key_update(&k, &secret), 0);
	assert_int_equal(is_kept(&before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_directions_and_aeads),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_wiped_at_once),
		cmocka_unit_test(test_wiped_before_the_next_record),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_key_update),
	};

	return cmocka_run_group_tests_name("cipher", tests, NULL, NULL);
}
