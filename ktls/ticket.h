/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys that protect session tickets (RFC 5077, RFC 8446 4.6.1), for servers with several processes: all that
 * share the keys can resume each other's sessions.
 *
 * The keys lie in memory that the caller shares between the processes that do handshakes. One process writes
 * them, and any number read them while handshakes run; nobody waits. The newest key protects new tickets;
 * older ones only open tickets that they protected. RFC 9325 3.4 asks for a change at least once a week.
 */
#ifndef KTLS_TICKET_H
#define KTLS_TICKET_H

#include <openssl/ssl.h>
#include <stdint.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum {
	KTLS_TICKET_KEYS = 3,
	/* A key in a file, in random bytes: name 16, HMAC-SHA-256 32, AES-256 32. */
	KTLS_TICKET_KEY_BYTES = 80,
};

struct ktls_ticket_key {
	uint8_t name[16], hmac[32], aes[32];
};

/* All zero bytes: there are no keys yet. */
struct ktls_ticket_keys {
	uint32_t version; /* odd while the writer is writing */
	uint32_t count;
	struct ktls_ticket_key keys[KTLS_TICKET_KEYS]; /* newest first */
};

/* Puts a fresh random key first and drops the oldest. Returns 0, or -EIO if OpenSSL has no random bytes. */
int ktls_ticket_rotate(struct ktls_ticket_keys *keys);

/*
 * Reads the keys from a file of 1 to KTLS_TICKET_KEYS times KTLS_TICKET_KEY_BYTES bytes, newest first.
 * Returns 0; -EINVAL if it has another size; or another negative errno. On error keys is unchanged.
 */
int ktls_ticket_read(struct ktls_ticket_keys *keys, const char *path);

/* Puts the keys of another set in the place of all that there are. */
void ktls_ticket_replace(struct ktls_ticket_keys *keys, const struct ktls_ticket_keys *by);

/* Makes ctx use the keys, which must outlive it. Returns 0 or -ENOMEM. */
int ktls_ticket_use(SSL_CTX *ctx, struct ktls_ticket_keys *keys);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
