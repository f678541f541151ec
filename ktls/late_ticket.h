/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS 1.3 session tickets that arrive when the record keys are no longer with OpenSSL.
 *
 * A server sends its tickets behind the handshake (RFC 8446 4.6.1), when the keys of a client's connection
 * have been handed over already. What they mean depends on the resumption secret, which only OpenSSL has and
 * does not give away. So the SSL object of such a client is kept for a while, and a ticket that the new owner
 * of the keys has read is put to it in a record of its own, under the key and number that it waits for. It
 * then hands the session out as usual (ktls/session.h).
 *
 * Limits: a fixed number of SSL objects for a fixed time; the oldest goes first. An object also goes with
 * its KTLS_LATE_TICKETS_EACH-th ticket, and with what it refuses. Threads and processes: one thread of the
 * process that shook hands.
 */
#ifndef KTLS_LATE_TICKET_H
#define KTLS_LATE_TICKET_H

#include "ktls/handshake.h"

#pragma GCC visibility push(default)

enum {
	KTLS_LATE_TICKETS_EACH = 4, /* tickets of one connection */
};

struct ktls_late;

/* max: how many are kept, 1 or more; seconds: how long. Returns 0 or -ENOMEM. */
int ktls_late_new(struct ktls_late **late, unsigned max, unsigned seconds);

/* Takes NULL. */
void ktls_late_free(struct ktls_late *late);

/*
 * Keeps the SSL object of a client's TLS 1.3 handshake that is done, its output written and its keys derived:
 * takes it out of h (ktls_handshake_take_ssl()), which only ktls_handshake_free() may follow. keys are those
 * that ktls_handshake_keys() gave. id is the caller's name for the connection, unique among those kept.
 * Returns 0; -EINVAL when nothing can come late (TLS 1.2, a server); -ENOMEM. On error h is as it was.
 */
int ktls_late_keep(
	struct ktls_late *late, uint64_t id, struct ktls_handshake *h, const struct ktls_session_keys *keys);

/*
 * Takes one or more whole NewSessionTicket messages, as ktls_read.ticket has them. Returns the number of
 * tickets that OpenSSL took; -ENOENT when the object is not (or no longer) kept; -EINVAL when the bytes are
 * not such messages; -EPROTO when OpenSSL refused one. After these two the object is gone.
 */
int ktls_late_take(struct ktls_late *late, uint64_t id, const uint8_t *messages, size_t len);

/* Frees those whose time is over. Others of these functions do so, too; call it now and then. */
void ktls_late_expire(struct ktls_late *late);

/* Number of SSL objects kept. */
unsigned ktls_late_count(const struct ktls_late *late);

#pragma GCC visibility pop

#endif
