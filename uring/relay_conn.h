/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of the relay, for relay*.c only: relay.c has the connections, relay_flow.c their bytes,
 * relay_tls.c what OpenSSL does with them. */
#ifndef URING_RELAY_CONN_H
#define URING_RELAY_CONN_H

#include "uring/relay.h"

#include "ktls/bounds.h"

#include <sys/queue.h>
#include <sys/types.h>

enum {
	/* The most that a record carries: after SSL_read() into so much room nothing is left inside OpenSSL.
	 */
	RELAY_CHUNK = SSL3_RT_MAX_PLAIN_LENGTH,
	RELAY_HELD_MAX = 17 * 1024, /* a record and a few alerts */
	/*
	 * Reads in one direction before the others get their turn. One of the server gives a record, one of
	 * the peer so many bytes at the most, which may be some hundred small records.
	 */
	RELAY_READS = 4,
	RELAY_AHEAD = 4096,
};

enum relay_state {
	RELAY_FLOWS,
	RELAY_ENDS, /* no more is read; what is held is still to be written */
	RELAY_DONE,
};

/* One direction. Waits either for something to read or for room to write, so one operation is enough. */
struct relay_flow {
	struct uring_op op; /* a poll, or a timeout instead of one; the flow's first member */
	struct relay_conn *conn;
	enum relay_state state;
	int from, to;
	int waits_fd; /* what the poll under way is for; -1 when there is none */
	short waits_events;
	char cancelled;       /* it was asked to end */
	char poll_is_useless; /* for the next wait */
	char watched;         /* in the list of deadlines */
	char progress;        /* something held was written since the deadline was set */
	TAILQ_ENTRY(relay_flow) link;
	int64_t deadline; /* CLOCK_MONOTONIC milliseconds */
	uint8_t *held;    /* what could not be written, or NULL */
	size_t held_off, held_len;
};

enum relay_cause {
	RELAY_NO_CAUSE, /* nothing has ended it yet */
	RELAY_ORDERLY,
	RELAY_TROUBLE,
};

struct relay_conn {
	struct relay_flow in;  /* from the peer to the server */
	struct relay_flow out; /* from the server to the peer */
	LIST_ENTRY(relay_conn) link;
	struct uring_relay *relay;
	SSL *ssl;
	unsigned reads; /* that OpenSSL may still do in this turn */
	char drained;   /* the last one gave less than it could: the next would give nothing */
	int recv_error; /* negative errno that ended receiving */
	struct ktls_bounds bounds;
	unsigned beyond; /* records past the bound; the last may turn out to bring content */
	char flooded;    /* too many key changes */
	char eof;        /* the TCP stream's end was read */
	char over;       /* ends as soon as no operation is under way */
	enum relay_cause cause;
	struct uring_peer peer;
	char reason[96]; /* RELAY_TROUBLE only */
};

struct uring_relay {
	struct uring_loop *loop;
	struct uring_relay_config config;
	BIO_METHOD *bio;
	SSL_CTX *refusing; /* of a new handshake */
	unsigned connections;
	LIST_HEAD(, relay_conn) conns;
	TAILQ_HEAD(, relay_flow) watched; /* in the order of deadlines */
	struct uring_op timer;
	struct __kernel_timespec timer_span;
	int timer_runs;
	uint8_t chunk[RELAY_CHUNK]; /* plain text on its way through */
};

/*
 * Why the connection ends. close_notify makes every end an orderly one. Trouble counts where there was no
 * cause before; what was lost counts after an orderly end, too.
 */
void relay_orderly(struct relay_conn *c);
void relay_trouble(struct relay_conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void relay_lost(struct relay_conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- relay_flow.c ---- */

static inline int relay_holds(const struct relay_flow *f)
{
	return f->held != NULL;
}

/* recv() and send() that neither wait nor are interrupted. Return what those do, or a negative errno. */
ssize_t relay_recv(int fd, void *buf, size_t len);
ssize_t relay_send(int fd, const void *buf, size_t len);

/* Writes what can be written and holds the rest. What went wrong is kept in the connection's state. */
void relay_put(struct relay_flow *f, const void *p, size_t len);
void relay_drop_held(struct relay_flow *f);

/* Writes of what is held as much as goes. */
void relay_flush(struct relay_flow *f);

/* Moves what can be moved now, up to a bound. */
void relay_move(struct relay_flow *f);

/* Passes the end on where all before it was written. */
void relay_finish(struct relay_flow *f);

/* ---- relay_tls.c ---- */

/* Each returns NULL when memory is short. */
BIO_METHOD *relay_bio_new(void);
SSL_CTX *relay_refusing_new(void);

/* Replaces the memory BIOs and the context of the connection's SSL object. Returns 0 or -ENOMEM. */
int relay_tls_attach(struct relay_conn *c);

/*
 * Takes what one record says, at most RELAY_CHUNK bytes. Returns their number; 0 at the end of what the peer
 * says; -EAGAIN when there is no more for now; another negative errno when the connection is of no use any
 * more.
 */
ssize_t relay_tls_read(struct relay_conn *c, uint8_t *buf);

/* Says the bytes in one record. Returns 0 or a negative errno as above. */
int relay_tls_write(struct relay_conn *c, const uint8_t *buf, size_t len);

/* Says close_notify. */
void relay_tls_goodbye(struct relay_conn *c);

#endif
