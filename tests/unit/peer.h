/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream of ours in user space whose peer is OpenSSL, over a pair of sockets, behind a real handshake. */
#ifndef UNIT_PEER_H
#define UNIT_PEER_H

#include "line.h"

struct peer {
	struct ktls_stream stream;
	int ours;
	SSL *ssl; /* the other end */
	SSL_CTX *contexts[2];
	unsigned updates; /* KeyUpdates of ours that it has read */
	int last_alert;   /* description of the last alert that it has read, or -1 */
};

/* role is ours. As a client we find the tickets of TLS 1.3 unread in our socket. */
void peer_open(
	struct peer *p, enum ktls_role role, const struct identity *id, int version, const char *suite);
void peer_close(struct peer *p);

/* It says something, which our stream must hear next; *r is that of the last read. */
void peer_says(struct peer *p, const char *text, struct ktls_read *r);

/* Our stream says something, which it must hear next. */
void peer_hears(struct peer *p, const char *text);

/* It sends a KeyUpdate (SSL_KEY_UPDATE_REQUESTED or SSL_KEY_UPDATE_NOT_REQUESTED). */
void peer_updates(struct peer *p, int kind);

#endif
