/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connections that the keeper holds, in the order in which they came.
 *
 * Nothing polls them: what a peer sends waits in its socket, and a peer that closes is found by the SER that
 * takes the connection back. So a connection costs its descriptor and its record, and no time.
 */
#ifndef KEEPER_STORE_H
#define KEEPER_STORE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct stored {
	TAILQ_ENTRY(stored) link;
	int fd;
	int64_t since; /* ktls_clock_ms() */
	size_t len;
	_Alignas(8) uint8_t message[]; /* as it came, with its header; wiped at the end */
};

struct store {
	TAILQ_HEAD(, stored) all;
	unsigned count, max;
	int64_t lifetime_ms;
};

void store_init(struct store *store, unsigned max, unsigned seconds);

/*
 * Copies the message, of which only the header was looked at; the store owns fd from now on. Returns 0;
 * -ENOSPC if it is full, or -ENOMEM: then fd still belongs to the caller.
 */
int store_add(struct store *store, const uint8_t *message, size_t len, int fd);

/* The connection that has been here for the longest time, or NULL. */
struct stored *store_first(struct store *store);

/* Forgets a connection that somebody else has now. */
void store_forget(struct store *store, struct stored *s);

/* Ends a connection that nobody will take back. */
void store_end(struct store *store, struct stored *s);

/* Ends those whose time is over at that moment of ktls_clock_ms(). Returns how many. */
unsigned store_end_due(struct store *store, int64_t now);
unsigned store_end_all(struct store *store);

/* Milliseconds until store_end_due() has something to do, -1 if there is nothing. */
int store_wait_ms(const struct store *store, int64_t now);

/*
 * Ends a connection: says close_notify where the record (len bytes of a message, aligned to 8) allows it, and
 * closes fd.
 */
void store_say_goodbye(uint8_t *message, size_t len, int fd);

#endif
