/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TLS 1.2 or 1.3 handshake, as server or as client, as a state machine on bytes.
 *
 * It owns no socket and never waits. The caller reads exactly ktls_handshake_want() bytes and feeds them;
 * that number never reaches over the end of a record, so that whatever the client sent behind its last
 * handshake record stays in the caller's socket. When the state is KTLS_HANDSHAKE_DONE and the output is
 * written, ktls_handshake_keys() gives the record keys of both directions.
 *
 * Threads and processes: one handshake belongs to one thread; it must stay in the process that made it.
 */
#ifndef KTLS_HANDSHAKE_H
#define KTLS_HANDSHAKE_H

#include "ktls/key.h"

#pragma GCC visibility push(default)

struct ktls_handshake;

enum ktls_handshake_state {
	KTLS_HANDSHAKE_RUNNING,
	KTLS_HANDSHAKE_DONE,
	KTLS_HANDSHAKE_FAILED, /* there may be an alert in the output */
};

enum ktls_role {
	KTLS_SERVER,
	KTLS_CLIENT,
};

struct ktls_session_keys {
	enum ktls_role role;
	struct ktls_key rx;                      /* of what the peer sends */
	struct ktls_key tx;                      /* of what we send */
	struct ktls_secret rx_secret, tx_secret; /* TLS 1.3 only */
};

/* How much of the client's certificate a context asks for. */
enum ktls_verify {
	KTLS_VERIFY_NONE,     /* no certificate is requested */
	KTLS_VERIFY_REQUEST,  /* requested; any or none is taken, SSL_get_verify_result() tells what it was */
	KTLS_VERIFY_OPTIONAL, /* requested; none is taken, one that does not verify ends the handshake */
	KTLS_VERIFY_REQUIRE,  /* requested; the handshake ends without one that verifies */
};

/*
 * Makes a context fit for the handshakes below: key log, no renegotiation, no compression, tickets without a
 * session cache. Call it once for each SSL_CTX before it is used. The context stays the caller's.
 * Returns 0 or -ENOMEM.
 */
int ktls_context_prepare(SSL_CTX *ctx, enum ktls_verify verify);

/* A new handshake that takes a reference on ctx. Returns NULL when memory is short. */
struct ktls_handshake *ktls_handshake_new(SSL_CTX *ctx, enum ktls_role role);

/*
 * KTLS_CLIENT only: makes the ClientHello. What it should say (server name, session to resume) is set on
 * ktls_handshake_ssl() before. Returns the new state.
 */
enum ktls_handshake_state ktls_handshake_start(struct ktls_handshake *h);

/*
 * For suites whose records only OpenSSL can protect: gives away the connection's SSL object with its two
 * memory BIOs. The handshake must be done and its output written; only ktls_handshake_free() may follow.
 * SSL_free() is the caller's.
 */
SSL *ktls_handshake_take_ssl(struct ktls_handshake *h);

/* Frees the handshake and everything secret in it. Sends nothing. Takes NULL. */
void ktls_handshake_free(struct ktls_handshake *h);

/* Number of bytes to read next; 0 unless the state is KTLS_HANDSHAKE_RUNNING. */
size_t ktls_handshake_want(const struct ktls_handshake *h);

/*
 * Takes len bytes, at most ktls_handshake_want(), and goes as far as they allow. Returns the new state.
 */
enum ktls_handshake_state ktls_handshake_feed(struct ktls_handshake *h, const uint8_t *data, size_t len);

/* What is to be sent: *len bytes that stay valid until the next call of feed, sent or free. */
const uint8_t *ktls_handshake_output(const struct ktls_handshake *h, size_t *len);

/* Says that the first len bytes of the output were sent. */
void ktls_handshake_sent(struct ktls_handshake *h, size_t len);

/* One phrase that says why the handshake failed; valid until free. */
const char *ktls_handshake_error(const struct ktls_handshake *h);

/* What a handshake that failed failed of. */
enum ktls_handshake_cause {
	KTLS_CAUSE_NONE,        /* it did not fail */
	KTLS_CAUSE_PROTOCOL,    /* an alert of the peer's, or bytes that are not what TLS asks for */
	KTLS_CAUSE_CERTIFICATE, /* the peer's certificate did not pass verification */
	KTLS_CAUSE_ENDED,       /* the peer said close_notify */
	KTLS_CAUSE_LOCAL,       /* memory is short, or the caller broke a rule */
};
enum ktls_handshake_cause ktls_handshake_cause(const struct ktls_handshake *h);

/* Milliseconds from ktls_handshake_new() to the end of the handshake; 0 while it runs. */
unsigned ktls_handshake_milliseconds(const struct ktls_handshake *h);

/* The connection of OpenSSL, for the facts that a snapshot takes; owned by the handshake. */
SSL *ktls_handshake_ssl(const struct ktls_handshake *h);

/*
 * Derives the record keys of a handshake that is done. Sequence numbers count what the handshake itself sent
 * and received under these keys (TLS 1.2 Finished, TLS 1.3 NewSessionTicket).
 * Returns 0; -EOPNOTSUPP when the suite has no AEAD of ours; -ENOMEM or -EIO. The keys are wiped on error.
 */
int ktls_handshake_keys(const struct ktls_handshake *h, struct ktls_session_keys *keys);

#pragma GCC visibility pop

#endif
