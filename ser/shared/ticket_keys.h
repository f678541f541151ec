/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keys of session tickets: one set for all engines, so that a session made by one engine can be resumed
 * by the others, by their successors, and after a reload. SER's own processes drop the memory with the keys.
 */
#ifndef SER_SHARED_TICKET_KEYS_H
#define SER_SHARED_TICKET_KEYS_H

#include "cfg/error.h"
#include "ser/shared/params.h"
#include "uring/loop.h"

#include <openssl/ssl.h>
#include <sys/uio.h>

/*
 * Allocates the memory; call it before the first fork. The keys come from the file in the parameter
 * session_ticket_keys, or are random. Returns 0, or -1 with a sentence in *e.
 */
int ticket_keys_init(const struct params *params, struct cfg_error *e);

/*
 * For one of the supervisors, in a reload: reads the file again, if there is one, and keeps what it has for
 * the next two. Returns what ticket_keys_init() returns.
 */
int ticket_keys_read_next(const struct params *params, struct cfg_error *e);

/* What was read replaces the keys, in all processes. Cannot fail; does nothing if nothing was read. */
void ticket_keys_use_next(void);

/* Forgets what was read. */
void ticket_keys_forget_next(void);

/*
 * Sets whether processes that are forked from now on get the memory; at first they do not. Returns 0 or
 * -errno.
 */
int ticket_keys_inherit(int yes);

/* For an engine process: from now on it can only read the keys, whatever it tries. Returns 0 or -errno. */
int ticket_keys_confine(void);

/* Their memory in this process, for whoever unmaps all other shared memory. */
struct iovec ticket_keys_memory(void);

/* For the main process, when its supervisors run: drops the keys. */
void ticket_keys_forget(void);

/* Makes a context use the keys, for as many tickets as the parameter says. Returns 0 or -ENOMEM. */
int ticket_keys_use(SSL_CTX *ctx, const struct params *params);

/* Called in one of the supervisors: changes random keys from time to time. Returns 0 or -EBUSY. */
int ticket_keys_keep_fresh(struct uring_loop *loop, const struct params *params);

#endif
