/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The relay between OpenSSL clients on loopback TCP and a server that is the test itself, all in one thread.
 */
#ifndef UNIT_RELAYING_H
#define UNIT_RELAYING_H

#include "connection.h"
#include "turns.h"

#include "uring/relay.h"

enum {
	RELAYING_MAX = 100, /* connections in one test */
};

/* One relayed connection. Neither of its ends ever waits. */
struct talk {
	struct connection tls;         /* shaken hands in memory; then the client's part in it goes on */
	struct ktls_session_keys keys; /* suites with AEAD only: for records that no client makes */
	int client;                    /* its TCP socket; -1 when closed */
	int server;                    /* the server's end of the pair; -1 when closed */
	int relay_fd, relay_plain;     /* numbers of what the relay took */
	size_t piece;                  /* bytes that the client sends at a time, 0 for all */
	/* What the client saw. */
	int notified; /* close_notify */
	int closed;   /* the end of the TCP stream */
	int error;    /* errno of a recv() or send() that failed, ECONNRESET for a reset */
	/* What the relay told. */
	unsigned ended;
	char reason[160]; /* "" for none */
};

struct relaying {
	struct turns turns;
	struct uring_relay *relay;
	unsigned descriptors, ticks, count;
	struct talk *talks[RELAYING_MAX];
	size_t sndbuf, rcvbuf; /* of the sockets of connections to come, 0 for the system's */
};

/* What most tests connect with; made and freed once for a group of tests. */
struct relaying_contexts {
	struct identity ec, rsa;
	SSL_CTX *server;      /* as the engine has it, with a certificate of each kind */
	SSL_CTX *client;      /* of a suite without AEAD */
	SSL_CTX *open_client; /* of a suite whose keys the test can have: for records that no client makes */
};

extern struct relaying_contexts contexts;

int relaying_make_contexts(void **state);
int relaying_free_contexts(void **state);

/* Starts to relay for connections with contexts.server. */
void relaying_open(struct relaying *s, unsigned send_timeout);

/* Ends what is not over yet; nothing may be left behind. */
void relaying_close(struct relaying *s);

/* A connection with a finished handshake that is not relayed yet. Returns the relay's SSL object in *ssl. */
struct talk *relaying_shake(struct relaying *s, SSL_CTX *client, SSL **ssl);

/* A relayed connection. */
struct talk *relaying_connect(struct relaying *s, SSL_CTX *client);

/*
 * relaying_open() with a first connection. Sockets and pair have buffers of a fixed size, others grow while
 * nobody reads from them; 0 lets them.
 */
struct talk *relaying_begin(struct relaying *s, unsigned send_timeout, int buffers);

void relaying_until(struct relaying *s, int (*over)(void *arg), void *arg);

/* Turns until what can happen without a word from outside has happened. */
void relaying_go_on(struct relaying *s);

/* Turns for so many milliseconds. Returns how often the relay had something to do. */
unsigned relaying_turns(struct relaying *s, int ms);

/* Turns until the relay had nothing to do for so many milliseconds; fails when that never comes. */
void relaying_quiet(struct relaying *s, int ms);

/* Turns until it is over, once; reason NULL for an orderly end. */
void relaying_expect_end(struct relaying *s, struct talk *t, const char *reason);

/* The client makes records, in its memory so far. */
void talk_say(struct talk *t, const void *p, size_t len);

/* The client sends what it has said, piece by piece if so told. Returns the number of bytes. */
size_t talk_pass(struct talk *t);

/* Turns until the client has sent all that it has said; before that it says goodbye. */
void talk_pass_all(struct relaying *s, struct talk *t);
void talk_say_goodbye(struct relaying *s, struct talk *t);

/* The client hears, at most cap bytes. Returns their number. */
size_t talk_hear(struct talk *t, void *buf, size_t cap);

/* The same for the server; at the end of the stream -1. */
size_t talk_server_say(struct talk *t, const void *p, size_t len);
ssize_t talk_server_hear(struct talk *t, void *buf, size_t cap);

/* Says so many bytes each way at the same time and checks that they arrive. */
void talk_exchange(struct relaying *s, struct talk *t, size_t up, size_t down);

/* Each says zeros until nothing goes any more. Returns the number of bytes. */
size_t talk_say_all(struct relaying *s, struct talk *t);
size_t talk_server_say_all(struct relaying *s, struct talk *t);

/* Turns until the server has heard exactly this; until it reads the end of its stream; the client likewise.
 */
void talk_server_expect(struct relaying *s, struct talk *t, const void *p, size_t len);
void talk_server_expect_end(struct relaying *s, struct talk *t);
void talk_client_expect(struct relaying *s, struct talk *t, const void *p, size_t len);
void talk_client_expect_end(struct relaying *s, struct talk *t);

/* Says bytes as a record of any type, which no client would make; keys must be there. */
void talk_record(struct talk *t, enum ktls_content_type type, const void *p, size_t len);

/* A ClientHello in such a record. */
void talk_ask_to_renegotiate(struct talk *t);

/* Takes one record that the relay sent; the test fails unless it is this. */
void talk_expect_record(
	struct relaying *s, struct talk *t, enum ktls_content_type type, const void *p, size_t len);

void talk_close_client(struct talk *t);
void talk_reset_client(struct talk *t);
void talk_close_server(struct talk *t);

#endif
