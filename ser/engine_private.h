/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the engine's own files only. */
#ifndef SER_ENGINE_PRIVATE_H
#define SER_ENGINE_PRIVATE_H

#include "ser/engine.h"
#include "uring/pass_fd.h"
#include "uring/relay.h"
#include "uring/server.h"

struct engine {
	const struct engine_parts *parts;
	const struct params *params;
	const struct ktls_kernel_caps *caps;
	struct uring_loop *loop;
	struct uring_server *server;
	struct uring_relay *relay;
	struct uring_pass_queue handovers;
	struct uring_op look_again; /* while accepting is paused */
	int waits;                  /* it is under way */
	struct __kernel_timespec pause;
	struct uring_op quiet; /* after a burst */
	int quiet_runs;
	unsigned peak; /* connections at once, since memory was given back last */
};

/* Callbacks of the server and the relay; arg is the engine. */
int engine_admit(void *arg, const struct uring_peer *peer);
SSL_CTX *engine_context(void *arg, const struct uring_peer *peer);
void engine_established(void *arg, const struct uring_peer *peer, int fd, struct ktls_handshake *h);
void engine_failed(void *arg, const struct uring_peer *peer, const char *reason, int timed_out);
void engine_refused(void *arg, const struct uring_peer *peer, enum uring_refusal why);
void engine_trouble(void *arg, int error, int for_good);
void engine_relay_ended(void *arg, const struct uring_peer *peer, const char *reason);

/* Looks again at the limits in a moment. Returns 0, or -EBUSY where the ring takes nothing. */
int engine_wait(struct engine *e);

/* After each turn: gives memory back when a burst is over. */
void engine_watch_memory(struct engine *e);

/* Brings the board up to date. */
void engine_report(struct engine *e);

#endif
