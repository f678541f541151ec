/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cipher contexts that keep their key, for those used last: to set a key up costs a quarter of a small
 * record.
 *
 * Threads and processes: each thread has contexts of its own. A key must not outlive its connection in them:
 * when keys go out of use in one process (ktls_cipher_keys_gone()), its own contexts are wiped at once, those
 * of every other thread and process that shares its counter before their next record. Who handles no record
 * any more keeps what it has: at most KTLS_CIPHERS_KEPT keys for each AEAD and direction.
 */
#ifndef KTLS_CIPHER_H
#define KTLS_CIPHER_H

#include "ktls/key.h"

enum {
	KTLS_CIPHERS_KEPT = 16,
};

enum ktls_direction { /* as EVP_CipherInit_ex2() has it */
	KTLS_OPEN = 0,
	KTLS_SEAL = 1,
};

/*
 * A context for a record under that key, this module's, good until the thread's next call. *init is what the
 * init call must be given as the key: NULL where the context has it. Returns NULL when memory is short.
 */
EVP_CIPHER_CTX *ktls_cipher(const struct ktls_key *k, enum ktls_direction direction, const uint8_t **init);

/*
 * Says that keys which were used here or in other processes are of no use any more. Also for a context with
 * which a call has failed: what it holds is not certain.
 */
void ktls_cipher_keys_gone(void);

/*
 * Where processes that share keys count what went out of use: memory that all of them have, a number that
 * starts anywhere. Before the first of them is forked; without it each process counts for itself.
 */
void ktls_cipher_share(uint32_t *counter);

#endif
