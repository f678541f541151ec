/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions of a client, to be resumed when it connects to the same peer again.
 *
 * A session stands for a handshake that was verified in its time: it is resumed without another look at
 * certificates. So the key under which it is kept must hold everything that the verification depended on:
 * the peer's address and port, the name it had to prove, and the domain, whose trust and strictness it was.
 * With one cache for each configuration (an engine lives as long as its configuration) no session can be
 * resumed under other rules than those it was made with.
 *
 * One session for each key, the newest. Those of TLS 1.3 are used once (RFC 8446 C.4), those of TLS 1.2 until
 * they expire: after the time that the server gave, at the latest after that of the context (OpenSSL's
 * default is two hours), which is how long a revoked or expired certificate may go unseen. What OpenSSL calls
 * no longer resumable, because a connection with it ended in an alert, is not offered. Limits: a fixed
 * number, the one that was longest neither stored nor offered goes first. Threads and processes: one thread.
 */
#ifndef KTLS_SESSION_H
#define KTLS_SESSION_H

#include <openssl/ssl.h>

#pragma GCC visibility push(default)

enum {
	KTLS_SESSIONS = 1000,
	KTLS_SESSION_KEY_MAX = 1024, /* bytes, the NUL included */
};

struct ktls_sessions;

/* An empty cache for at most max sessions, 1 or more. Returns 0 or -ENOMEM. */
int ktls_sessions_new(struct ktls_sessions **cache, unsigned max);

/* Wipes and frees all sessions. The contexts that use it must not shake hands any more. Takes NULL. */
void ktls_sessions_free(struct ktls_sessions *cache);

/*
 * Makes a client's context, behind ktls_context_prepare(), hand its new sessions to the cache, which must
 * outlive it and all SSL objects made from it. Returns 0 or -ENOMEM.
 */
int ktls_sessions_use(SSL_CTX *ctx, struct ktls_sessions *cache);

/*
 * For an SSL object of such a context, before its handshake: gives it the session kept under key, if there is
 * one, and keeps those that it will get under that key (copied). Returns 1 when a session was given, 0 when
 * none; -EINVAL for a key that is too long or a context without cache, -ENOMEM: the handshake is a full one
 * then and its sessions are not kept.
 */
int ktls_sessions_offer(SSL *ssl, const char *key);

/* Number of sessions kept. */
unsigned ktls_sessions_count(const struct ktls_sessions *cache);

#pragma GCC visibility pop

#endif
