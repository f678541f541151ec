/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handshake messages that arrive after the handshake: a parser for hostile bytes that stores none of them.
 *
 * TLS 1.3 (RFC 8446 4.6): KeyUpdate from either side, NewSessionTicket from a server. TLS 1.2 (RFC 5246
 * 7.4.1): a ClientHello or HelloRequest that asks for a renegotiation. A message may span records, and
 * several may share one, but none may follow a KeyUpdate in the same record (RFC 8446 5.1).
 */
#ifndef KTLS_POST_H
#define KTLS_POST_H

#include "ktls/handshake.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/* The message that is being received; plain data, zero at the start of a connection. */
struct ktls_post {
	uint8_t header[4]; /* type and length */
	uint8_t have;      /* bytes of the header */
	uint32_t left;     /* bytes of the body still to come */
};

/* What the messages of one record asked for. */
struct ktls_post_events {
	int key_update;       /* the peer's next record uses its next key */
	int update_requested; /* the peer wants ours to change, too */
	int renegotiation;    /* the peer wants a new handshake */
	int tickets;
	const uint8_t *ticket; /* tickets that are whole in this record, one after another, or NULL */
	size_t ticket_len;
};

/*
 * Takes the content of one handshake record. Returns 0 and fills *ev. If the peer may not send that, returns
 * the alert to answer with (an enum ktls_alert, never 0).
 */
int ktls_post_take(struct ktls_post *p, enum ktls_role role, uint16_t version, const uint8_t *data,
	size_t len, struct ktls_post_events *ev);

/*
 * Appends the tickets in *ev, whose record must still exist, to the `have` bytes at out, as many as fit into
 * cap bytes. Returns the new number of bytes.
 */
size_t ktls_post_copy_tickets(const struct ktls_post_events *ev, uint8_t *out, size_t have, size_t cap);

/* True in the middle of a message, where no other type of record may come (RFC 8446 5.1). */
int ktls_post_pending(const struct ktls_post *p);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
