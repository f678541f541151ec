/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server handshake of ours and an OpenSSL client that speak through memory. */
#ifndef UNIT_CONNECTION_H
#define UNIT_CONNECTION_H

#include "support.h"

struct connection {
	struct ktls_handshake *server;
	SSL *client;      /* what it wrote and nobody took lies in its write BIO, like in a socket */
	int client_alert; /* description of the last alert the client received, or -1 */
	size_t piece;     /* bytes carried at a time, 0 for as many as can be */
	unsigned reads;   /* how often the server was fed */
	uint8_t flight[32768];
	size_t flight_len; /* all that the server sent so far */
};

void connection_open(struct connection *c, SSL_CTX *server, SSL_CTX *client);
void connection_close(struct connection *c);

/* Lets the client go on. Returns 1 when its handshake is done. */
int connection_client_turn(struct connection *c);

/* Feeds the server what it wants of the client's bytes and carries its answers. Returns bytes moved. */
size_t connection_server_turn(struct connection *c);

/* Turns until nothing moves any more. Returns the server's state. */
enum ktls_handshake_state connection_run(struct connection *c);

/* connection_run() that must succeed on both sides, then the keys, which must be there. */
void connection_establish(struct connection *c, struct ktls_session_keys *keys);

/* Proves the keys: records of ours are read by the client and the other way round, several times. */
void connection_talk(struct connection *c, struct ktls_session_keys *keys);

/* The same with any SSL object that speaks through memory BIOs, which must be empty. */
void talk_with(SSL *peer, struct ktls_session_keys *keys);

/* Bytes that the client wrote and the server did not take; at most cap of them are moved to out. */
size_t connection_left_over(struct connection *c, uint8_t *out, size_t cap);

/* The client takes what the server sent at its end, so that client_alert is known. */
void connection_hear_alert(struct connection *c);

#endif
