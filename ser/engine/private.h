/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared only by the engine's own files. */
#ifndef SER_ENGINE_PRIVATE_H
#define SER_ENGINE_PRIVATE_H

#include "ktls/late_ticket.h"
#include "ktls/session.h"
#include "ser/engine/confine.h"
#include "ser/engine/parts.h"
#include "ser/shared/messages.h"
#include "ser/shared/scoreboard.h"
#include "uring/client.h"
#include "uring/pass_fd.h"
#include "uring/relay.h"
#include "uring/server.h"

struct engine {
	const struct engine_parts *parts;
	const struct params *params;
	const struct ktls_kernel_caps *caps;
	struct engine_page *page;
	struct confine confine;
	struct uring_loop *loop;
	struct uring_server *server;
	struct uring_relay *relay;
	struct uring_client *client;
	struct ktls_sessions *sessions; /* the client's */
	struct ktls_late *late;
	struct uring_pass_queue handovers;
	struct uring_op told; /* a message from the supervisor */
	int retired, stopped;
	struct uring_op look_again; /* while accepting is paused */
	int waits;                  /* look_again is under way */
	struct __kernel_timespec pause;
	struct uring_op quiet; /* runs after a burst */
	int quiet_runs;
	struct uring_op beat; /* turns an idle loop */
	int beat_runs;
	unsigned peak; /* most connections at once since memory was last given back */
};

struct engine_home {
	enum ktls_home home;
	enum home_why why;
	int error; /* negative errno, or 0 */
};

/*
 * Decides where the records live, and gives the kernel the keys if they live there. Returns 0, or
 * -ENOTRECOVERABLE if the socket is lost.
 */
int engine_choose_home(struct engine *e, const SSL *ssl, int fd, const struct ktls_session_keys *keys,
	struct engine_home *home);

/* Callbacks for the server and the relay; arg is the engine. */
int engine_admit(void *arg, const struct uring_peer *peer);
SSL_CTX *engine_context(void *arg, const struct uring_peer *peer);
void engine_begin(void *arg, const struct uring_peer *peer, struct ktls_handshake *h);
void engine_unused(void *arg, const struct uring_peer *peer, struct ktls_handshake *h);
void engine_established(void *arg, const struct uring_peer *peer, int fd, struct ktls_handshake *h);
void engine_failed(void *arg, const struct uring_peer *peer, enum uring_failure kind, const char *reason);
void engine_evicted(void *arg, const struct uring_peer *peer, enum uring_eviction why, unsigned like_it);
void engine_refused(void *arg, const struct uring_peer *peer);
void engine_trouble(void *arg, int error, int for_good);
void engine_relay_ended(void *arg, const struct uring_peer *peer, const char *reason);

/* Callbacks for the client; token is the order. */
int engine_greet(void *arg, void *token, struct ktls_handshake *h, const char **why);
void engine_connected(void *arg, void *token, int fd, struct ktls_handshake *h);
void engine_not_connected(
	void *arg, void *token, enum uring_client_failure why, int error, const char *reason);

/* Starts what the supervisor ordered; takes over fd. */
void engine_open(struct engine *e, const struct message_order *order, int fd);

/* size is the message's, in bytes. */
void engine_take_tickets(struct engine *e, const struct message_tickets *t, size_t size);

/* OpenSSL's info callback: counts alerts. */
void engine_count_alert(const SSL *ssl, int where, int ret);

/* A finished handshake. */
struct engine_finished {
	uint32_t order; /* id of the struct message_order; 0: the peer opened the connection */
	const struct uring_peer *peer;
	int fd;
	struct ktls_handshake *handshake;
};

/*
 * Sends the connection to the supervisor; takes over fd. Returns 0, or a negative errno if the connection is
 * lost.
 */
int engine_establish(struct engine *e, const struct engine_finished *f);

/* Before the first byte: has the handshake keep its key log, if one is wanted of that peer. */
void engine_log_keys(const struct engine *e, const union uring_address *remote, struct ktls_handshake *h);

/* Sends the key log of a finished handshake to the supervisor, if it kept one. */
void engine_pass_keys(struct engine *e, const struct ktls_handshake *h);

/* A phrase for an error. */
const char *engine_error(int error);

/* Checks the limits again in a moment. Returns 0, or -EBUSY if the ring accepts nothing. */
int engine_wait(struct engine *e);

/* Called after each turn: gives memory back if a burst is over. */
void engine_watch_memory(struct engine *e);

/* Updates its page of the scoreboard: before the first turn, and after each. */
void engine_report(struct engine *e);

/* Makes this process's ser_log() send its lines to the supervisor over that channel. */
void engine_log_to(int channel);

#endif
