/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS 1.3 session tickets that arrive when OpenSSL no longer has the record keys.
 *
 * A server sends its tickets after the handshake (RFC 8446 4.6.1), when a client's keys have already been
 * handed over. Using a ticket takes the resumption secret, which OpenSSL does not give away. So a client's
 * SSL object is kept for a while. When the new owner of the keys reads a ticket, the ticket is fed to this
 * object in a record of its own, under the key and sequence number that the object expects. OpenSSL then
 * hands out the session as usual (ktls/session.h).
 *
 * Limits: a fixed number of SSL objects for a fixed time; the oldest goes first. An object also goes after
 * KTLS_LATE_TICKETS_EACH tickets, or after a ticket that it refuses. Threads and processes: one thread of the
 * process that did the handshake.
 */
#ifndef KTLS_LATE_TICKET_H
#define KTLS_LATE_TICKET_H

#include "ktls/handshake.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum {
	KTLS_LATE_TICKETS_EACH = 4, /* tickets of one connection */
};

struct ktls_late;

/* Keeps at most max SSL objects (1 or more), each for that many seconds. Returns 0 or -ENOMEM. */
int ktls_late_new(struct ktls_late **late, unsigned max, unsigned seconds);

/* NULL is allowed. */
void ktls_late_free(struct ktls_late *late);

/*
 * Keeps the SSL object of a client's finished TLS 1.3 handshake, whose output is written and whose keys are
 * derived. It takes the object out of h (ktls_handshake_take_ssl()); only ktls_handshake_free() may follow.
 * keys are those from ktls_handshake_keys(). id is the caller's name for the connection, unique among those
 * kept. Returns 0; -EINVAL if no ticket can come late (TLS 1.2, a server); or -ENOMEM. On error h is as it
 * was.
 */
int ktls_late_keep(
	struct ktls_late *late, uint64_t id, struct ktls_handshake *h, const struct ktls_session_keys *keys);

/*
 * Takes one or more whole NewSessionTicket messages from ktls_read.ticket. Returns how many tickets OpenSSL
 * accepted; -ENOENT if the object is not kept (any more); -EINVAL if the bytes are not such messages; -EPROTO
 * if OpenSSL refused one. After the last two errors the object is gone.
 */
int ktls_late_take(struct ktls_late *late, uint64_t id, const uint8_t *messages, size_t len);

/* Frees the objects whose time is over. Other functions here do so, too; call it now and then. */
void ktls_late_expire(struct ktls_late *late);

/* Number of SSL objects kept. */
unsigned ktls_late_count(const struct ktls_late *late);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
