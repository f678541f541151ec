/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TLS 1.2 or 1.3 handshake, as server or as client, as a state machine on bytes.
 *
 * It owns no socket and never waits. The caller reads at most ktls_handshake_want() bytes and feeds them.
 * What the peer sends behind its Finished is never among them, so it stays in the caller's socket. When the
 * state is KTLS_HANDSHAKE_DONE and the output is written, ktls_handshake_keys() gives the record keys of both
 * directions.
 *
 * Threads and processes: a handshake belongs to one thread, in the process that made it.
 */
#ifndef KTLS_HANDSHAKE_H
#define KTLS_HANDSHAKE_H

#include "ktls/key.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

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
	struct ktls_key rx;                      /* for what the peer sends */
	struct ktls_key tx;                      /* for what we send */
	struct ktls_secret rx_secret, tx_secret; /* TLS 1.3 only */
	/*
	 * The most content that a record of ours may carry, if the peer negotiated that (max_fragment_length,
	 * RFC 6066 4): 512, 1024, 2048 or 4096. 0: KTLS_MAX_PLAIN.
	 */
	uint16_t max_fragment;
};

/* What a context demands of the peer's certificate. */
enum ktls_verify {
	KTLS_VERIFY_NONE,     /* no certificate is requested */
	KTLS_VERIFY_REQUEST,  /* requested; any or none is accepted, SSL_get_verify_result() has the result */
	KTLS_VERIFY_OPTIONAL, /* requested; none is accepted, one that does not verify ends the handshake */
	KTLS_VERIFY_REQUIRE,  /* requested; without one that verifies the handshake ends */
};

/*
 * Prepares a context for the handshakes below: key log, no renegotiation, no compression, tickets without a
 * session cache. Call it once for each SSL_CTX before it is used. The context still belongs to the caller.
 * Returns 0 or -ENOMEM.
 */
int ktls_context_prepare(SSL_CTX *ctx, enum ktls_verify verify);

/* A new handshake, which takes a reference to ctx. Returns NULL if memory is short. */
struct ktls_handshake *ktls_handshake_new(SSL_CTX *ctx, enum ktls_role role);

enum {
	KTLS_KEY_LOG_MAX = 2048, /* with its NUL; TLS 1.3 with SHA-384 needs 939 */
};

/*
 * Has the handshake keep its key log: the lines of an SSLKEYLOGFILE, from which Wireshark reads the
 * connection. Call it before the first byte. Returns 0 or -ENOMEM.
 */
int ktls_handshake_log_keys(struct ktls_handshake *h);

/* The lines so far, each with its newline; "" without ktls_handshake_log_keys(). Valid until free. */
const char *ktls_handshake_key_log(const struct ktls_handshake *h);

/*
 * KTLS_CLIENT only: makes the ClientHello. Set what it should contain (server name, session to resume) on
 * ktls_handshake_ssl() before. Returns the new state.
 */
enum ktls_handshake_state ktls_handshake_start(struct ktls_handshake *h);

/*
 * For suites whose records only OpenSSL can protect: gives the connection's SSL object with its two memory
 * BIOs to the caller, who must SSL_free() it. The handshake must be done and its output written; only
 * ktls_handshake_free() may follow.
 */
SSL *ktls_handshake_take_ssl(struct ktls_handshake *h);

/* Frees the handshake and wipes everything secret in it. Sends nothing. NULL is allowed. */
void ktls_handshake_free(struct ktls_handshake *h);

/*
 * How many bytes to read next, at most; 0 unless the state is KTLS_HANDSHAKE_RUNNING. While nothing was sent
 * that is any number, because no peer can finish without an answer. From then on it is the least that the
 * peer has to send until its Finished, which may be more than the next record. A peer that sends something
 * else may send less, so do not wait for all of it. Ask again after each ktls_handshake_feed().
 */
size_t ktls_handshake_want(const struct ktls_handshake *h);

/*
 * Takes len bytes, at most ktls_handshake_want(), and goes as far as it can with them, over any number of
 * records. Returns the new state.
 */
enum ktls_handshake_state ktls_handshake_feed(struct ktls_handshake *h, const uint8_t *data, size_t len);

/* What must be sent: *len bytes, valid until the next call of feed, sent or free. */
const uint8_t *ktls_handshake_output(const struct ktls_handshake *h, size_t *len);

/* Says that the first len bytes of the output were sent. */
void ktls_handshake_sent(struct ktls_handshake *h, size_t len);

/* A phrase that says why the handshake failed; valid until free. */
const char *ktls_handshake_error(const struct ktls_handshake *h);

/* Why a handshake failed. */
enum ktls_handshake_cause {
	KTLS_CAUSE_NONE,           /* it did not fail */
	KTLS_CAUSE_NOT_TLS,        /* the peer speaks something else */
	KTLS_CAUSE_NOTHING_SHARED, /* no version, suite, group, signature or application protocol that both
				      take */
	KTLS_CAUSE_ALERT,          /* the peer ended it with an alert */
	KTLS_CAUSE_PROTOCOL,       /* what the peer sent is not what TLS asks for, in any other way */
	KTLS_CAUSE_CERTIFICATE,    /* the peer's certificate is missing or did not pass verification */
	KTLS_CAUSE_ENDED,          /* the peer sent close_notify */
	KTLS_CAUSE_LOCAL,          /* memory is short, or the caller broke a rule */
};
enum ktls_handshake_cause ktls_handshake_cause(const struct ktls_handshake *h);

/* Milliseconds from ktls_handshake_new() to the end of the handshake; 0 while it runs. */
unsigned ktls_handshake_milliseconds(const struct ktls_handshake *h);

/* OpenSSL's connection, for the facts in a snapshot; it belongs to the handshake. */
SSL *ktls_handshake_ssl(const struct ktls_handshake *h);

/*
 * Derives the record keys of a handshake that is done. Sequence numbers count what the handshake itself sent
 * and received under these keys (TLS 1.2 Finished, TLS 1.3 NewSessionTicket). Returns 0; -EOPNOTSUPP if the
 * suite has none of our AEADs; -ENOMEM or -EIO. The keys are wiped on error.
 */
int ktls_handshake_keys(const struct ktls_handshake *h, struct ktls_session_keys *keys);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
