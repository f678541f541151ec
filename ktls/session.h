/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client's sessions, to be resumed when it connects to the same peer again.
 *
 * A session is resumed without another look at certificates. So its key must hold everything that the
 * verification depended on: the peer's address and port, the name that it had to prove, and the domain, which
 * says whom to trust and how strictly. There is one cache for each configuration (an engine lives as long as
 * its configuration), so no session is resumed under other rules than those it was made with.
 *
 * Only the newest session is kept for each key. TLS 1.3 sessions are used once (RFC 8446 C.4), TLS 1.2
 * sessions until they expire: after the time that the server gave, at the latest after the context's
 * (OpenSSL's default is two hours). That time also limits how long after a full handshake sessions are
 * resumed that came with other resumptions: a revoked or expired certificate may go unnoticed for that long.
 * A session that OpenSSL calls not resumable, because a connection with it ended in an alert, is not offered.
 * Limits: a fixed number of sessions; the one that was neither stored nor offered for the longest time goes
 * first. Threads and processes: one thread.
 */
#ifndef KTLS_SESSION_H
#define KTLS_SESSION_H

#include <openssl/ssl.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum {
	KTLS_SESSIONS = 1000,
	KTLS_SESSION_KEY_MAX = 1024, /* bytes, including the NUL */
};

struct ktls_sessions;

/* An empty cache for at most max sessions, 1 or more. Returns 0 or -ENOMEM. */
int ktls_sessions_new(struct ktls_sessions **cache, unsigned max);

/*
 * Wipes and frees all sessions. Contexts that use the cache must not do handshakes any more. NULL is allowed.
 */
void ktls_sessions_free(struct ktls_sessions *cache);

/*
 * Makes a client's context hand its new sessions to the cache, which must outlive the context and all its SSL
 * objects. Call it after ktls_context_prepare(). Returns 0 or -ENOMEM.
 */
int ktls_sessions_use(SSL_CTX *ctx, struct ktls_sessions *cache);

/*
 * For an SSL object of such a context, before its handshake: gives it the session kept under key, if there is
 * one, and keeps the sessions that it gets under that key (copied). Returns 1 if it gave a session, 0 if not;
 * -EINVAL for a key that is too long or a context without a cache; -ENOMEM. On error the handshake is a full
 * one and its sessions are not kept.
 */
int ktls_sessions_offer(SSL *ssl, const char *key);

/* Number of sessions in the cache. */
unsigned ktls_sessions_count(const struct ktls_sessions *cache);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
