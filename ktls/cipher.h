/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cache of cipher contexts with the keys used last, because setting up a key costs a quarter of a small
 * record.
 *
 * Threads and processes: each thread has its own contexts. A key must not outlive its connection in them.
 * When keys go out of use in one process (ktls_cipher_keys_gone()), its own contexts are wiped at once. Every
 * other thread and process that shares its counter wipes its contexts before its next record. One that
 * handles no more records keeps what it has: at most KTLS_CIPHERS_KEPT keys for each AEAD and direction.
 */
#ifndef KTLS_CIPHER_H
#define KTLS_CIPHER_H

#include "ktls/key.h"

enum {
	KTLS_CIPHERS_KEPT = 16,
};

enum ktls_direction { /* values of EVP_CipherInit_ex2() */
	KTLS_OPEN = 0,
	KTLS_SEAL = 1,
};

/*
 * A context for a record under this key. It belongs to this module and is valid until the thread's next call.
 * *init is the key to pass to the init call: NULL if the context already has it. Returns NULL if memory is
 * short.
 */
EVP_CIPHER_CTX *ktls_cipher(const struct ktls_key *k, enum ktls_direction direction, const uint8_t **init);

/*
 * Says that keys which were used here or in other processes are out of use. Call it also when a call with a
 * context has failed, because it is not certain what the context then holds.
 */
void ktls_cipher_keys_gone(void);

/*
 * The counter of keys gone out of use, for processes that share keys: it lies in memory that all of them
 * share and may start at any number. Call this before the first of them is forked; without it each process
 * counts for itself.
 */
void ktls_cipher_share(uint32_t *counter);

#endif
