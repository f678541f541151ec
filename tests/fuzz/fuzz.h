/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all fuzz targets need: bytes taken from the fuzzer's input, and rules whose breach is a crash. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "ktls/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the run, with the input kept by the fuzzer, unless the rule holds. */
#define REQUIRE(rule)                                                                                        \
	do {                                                                                                 \
		if (!(rule)) {                                                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #rule);                           \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

struct input {
	const uint8_t *p;
	size_t left;
};

/* The next byte, 0 behind the end. */
static inline uint8_t take(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

/* Up to len of the next bytes. Returns how many, and where they are in *p. */
static inline size_t take_run(struct input *in, size_t len, const uint8_t **p)
{
	size_t n = len < in->left ? len : in->left;

	*p = in->p;
	in->p += n;
	in->left -= n;
	return n;
}

/* A key of any kind whose bytes follow from a few of the input. */
static inline struct ktls_key take_key(struct input *in)
{
	uint8_t kind = take(in), seed = take(in);
	struct ktls_key k = {.version = kind & 1 ? TLS1_3_VERSION : TLS1_2_VERSION,
		.aead = (uint8_t)(kind >> 1) % KTLS_AEADS};

	for (size_t i = 0; i < ktls_aead_info(k.aead)->key_len; i++)
		k.key[i] = (uint8_t)(seed + 7 * i);
	for (size_t i = 0; i < sizeof(k.iv); i++)
		k.iv[i] = (uint8_t)(seed ^ 11 * i);
	return k;
}

static inline struct ktls_secret make_secret(const struct ktls_key *k, uint8_t seed)
{
	struct ktls_secret s = {.len = k->aead == KTLS_AES_256_GCM ? 48 : 32};

	memset(s.bytes, seed, s.len);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif
