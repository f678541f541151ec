/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of kernel_suites: suites.c has the cases and the table, suites_open.c connections up to their
 * first text, suites_say.c what is said over them, suites_count.c the kernel's counters. What goes wrong is a
 * failure of the running test, so nothing here returns errors.
 */
#ifndef KERNEL_SUITES_H
#define KERNEL_SUITES_H

#include "unit/support.h"

#include "ktls/handshake.h"
#include "ktls/kernel.h"
#include "ktls/stream.h"

enum {
	UPDATES_MAX = 3, /* of the peer in one connection */
};

struct row { /* one test */
	char name[64];
	uint16_t version;
	enum ktls_aead aead;
	enum ktls_role role;
	const char *now; /* the case under way, NULL when all went well */
};

struct kind { /* one case of it */
	const char *name;
	int ec, resumed;
};

struct talk {
	const struct row *row;
	SSL_CTX *ours, *theirs;
	struct ktls_handshake *handshake;
	struct ktls_stream stream;
	int fd;
	SSL *peer;
	unsigned updates; /* KeyUpdates of ours that the peer has read */
};

extern struct ktls_kernel_caps caps;
extern struct identity identities[2]; /* RSA, ECDSA */

int is_in_kernel(const struct row *r);

/* ---- suites_open.c ---- */

/* Sets both contexts; the caller frees them. */
void make_contexts(struct talk *t, const struct kind *k);

/* Something to resume, from an earlier connection over memory; the caller's to free. */
SSL_SESSION *earlier_session(struct talk *t);

/* A connection whose handshake is done, whose keys have their home and which has carried a first text. */
void begin(struct talk *t, const struct kind *k, SSL_SESSION *session);
void close_talk(struct talk *t);

/* ---- suites_say.c ---- */

/* Until one of ours, and one of the peer's, of these poll(2) events has happened; bounded. */
void wait_for(struct talk *t, short ours, short theirs);

void send_all(int fd, const uint8_t *p, size_t len);

/* Whether an operation of the peer has come to its end; one that cannot go on yet is tried again. */
int is_over(struct talk *t, int rc);

/* A socket's buffers hold the longest text. */
void they_write(struct talk *t, const uint8_t *said, size_t len);

/* Reads until len bytes of text are there or the connection ends, paying what the stream owes. */
void hear(struct talk *t, uint8_t *heard, size_t len, struct ktls_read *r);

/* Texts of many lengths, both ways. */
void say_all(struct talk *t);

/* The peer changes its key UPDATES_MAX times and wants every second time ours to change; then we do so of our
 * own accord. */
void change_keys(struct talk *t);

/* Both say close_notify. */
void say_goodbye(struct talk *t);

/* This kernel cannot follow a change of keys: it says so, and we still can say goodbye. */
void end_at_key_update(struct talk *t, int requested);

/* ---- suites_count.c ---- */

struct counts { /* 0 where the kernel has no such counter */
	long tx, rx, tx_rekeys, rx_rekeys, bad;
};

struct counts count(void);

/* EXPECT_KTLS=1: this kernel was booted for the test and has kernel TLS. */
int is_promised(void);

void assert_counted(long before, long after, long expected);

#endif
