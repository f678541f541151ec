/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client handshake of ours and an OpenSSL server that speak through memory. */
#ifndef UNIT_CLIENT_H
#define UNIT_CLIENT_H

#include "support.h"

struct client {
	struct ktls_handshake *ours;
	int started;
	SSL *server;      /* what it wrote and nobody took lies in its write BIO, like in a socket */
	int server_alert; /* description of the last alert the server received, or -1 */
	size_t piece;     /* bytes carried at a time, 0 for as many as can be */
	size_t retries;   /* ClientHellos of ours behind the first */
	uint8_t finished_nonce[KTLS_EXPLICIT_LEN]; /* TLS 1.2: of the record that holds our Finished */
};

/* ours must be prepared, server must not. */
void client_open(struct client *c, SSL_CTX *ours, SSL_CTX *server);
void client_close(struct client *c);

/* Starts our handshake at the first call; carries its output; lets the server go on. 1: that one is done. */
int client_server_turn(struct client *c);

/* Feeds our handshake what it wants of the server's bytes. Returns the number of bytes. */
size_t client_turn(struct client *c);

/* Turns until nothing moves any more. Returns our state. */
enum ktls_handshake_state client_run(struct client *c);

/* client_run() that must succeed on both sides, then the keys, which must be there. */
void client_establish(struct client *c, struct ktls_session_keys *keys);

/* Opens the tickets that the server has sent behind the handshake. Returns the number of records. */
unsigned client_take_tickets(struct client *c, struct ktls_session_keys *keys);

/*
 * Lets OpenSSL read what the server has said behind the handshake, and ends our side. Returns the session,
 * for SSL_SESSION_free().
 */
SSL_SESSION *client_take_session(struct client *c);

/* Bytes that the server wrote and we did not take; at most cap of them are moved to out. */
size_t client_left_over(struct client *c, uint8_t *out, size_t cap);

#endif
