/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relay's internals, for relay*.c only: relay.c has the connections, relay_flow.c moves their bytes,
 * relay_tls.c calls OpenSSL.
 */
#ifndef URING_RELAY_CONN_H
#define URING_RELAY_CONN_H

#include "uring/deadline.h"
#include "uring/relay.h"
#include "uring/sources.h"

#include "ktls/bounds.h"

#include <sys/queue.h>
#include <sys/types.h>

enum {
	/*
	 * The most that a record carries. After SSL_read() into this much room nothing is left inside
	 * OpenSSL.
	 */
	RELAY_CHUNK = SSL3_RT_MAX_PLAIN_LENGTH,
	/*
	 * What the server said in one chunk, and a few alerts. If the peer negotiated fragments of 512 bytes,
	 * the chunk is 32 records, to each of which CBC adds at most 85 bytes.
	 */
	RELAY_HELD_MAX = 20 * 1024,
	/*
	 * How many reads one direction may do before the others get their turn. A read from the server gives
	 * one record; a read from the peer gives at most RELAY_AHEAD bytes, which may be some hundred small
	 * records.
	 */
	RELAY_READS = 4,
	RELAY_AHEAD = 4096,
};

enum relay_state {
	RELAY_FLOWS,
	RELAY_ENDS, /* nothing more is read; what is held must still be written */
	RELAY_DONE,
};

/* One direction. It waits either for something to read or for room to write, so one operation is enough. */
struct relay_flow {
	struct uring_op op; /* a poll, or a timeout instead of one; the flow's first member */
	struct relay_conn *conn;
	enum relay_state state;
	int from, to;
	int waits_fd; /* what the poll under way is for; -1 if there is none */
	short waits_events;
	char cancelled;                 /* the operation was asked to end */
	char poll_is_useless;           /* for the next wait */
	char progress;                  /* something held was written since the deadline was set */
	struct uring_deadline deadline; /* set while something is held or the other direction is done */
	uint8_t *held;                  /* what could not be written, or NULL */
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
	struct uring_source *source; /* NULL: memory was short */
	unsigned reads;              /* how many more OpenSSL may do in this turn */
	char drained;   /* the last one gave less than it could, so the next would give nothing */
	int recv_error; /* the negative errno that ended receiving */
	struct ktls_bounds bounds;
	unsigned beyond; /* records past the limit; the last may still turn out to have content */
	char flooded;    /* too many key changes */
	char eof;        /* the end of the TCP stream was read */
	char over;       /* ends as soon as no operation is under way */
	enum relay_cause cause;
	struct uring_peer peer;
	char reason[96]; /* RELAY_TROUBLE only */
};

struct uring_relay {
	struct uring_loop *loop;
	struct uring_relay_config config;
	BIO_METHOD *bio;
	SSL_CTX *refusing; /* refuses a new handshake */
	unsigned connections;
	LIST_HEAD(, relay_conn) conns;
	struct uring_sources *sources;
	struct uring_deadlines deadlines; /* for all flows that are stuck */
	uint8_t chunk[RELAY_CHUNK];       /* plain text that is passed on */
};

/*
 * Notes why the connection ends. close_notify makes every end a proper one. Trouble counts only if there was
 * no cause before; lost bytes count even after a proper end.
 */
void relay_orderly(struct relay_conn *c);
void relay_trouble(struct relay_conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void relay_lost(struct relay_conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- relay_flow.c ---- */

static inline int relay_holds(const struct relay_flow *f)
{
	return f->held != NULL;
}

/* recv() and send() that do not wait and are not interrupted. They return a count or a negative errno. */
ssize_t relay_recv(int fd, void *buf, size_t len);
ssize_t relay_send(int fd, const void *buf, size_t len);

/* Writes what can be written and holds the rest. Errors are noted in the connection's state. */
void relay_put(struct relay_flow *f, const void *p, size_t len);
void relay_drop_held(struct relay_flow *f);

/* Writes as much as possible of what is held. */
void relay_flush(struct relay_flow *f);

/* Moves what can be moved now, up to a limit. */
void relay_move(struct relay_flow *f);

/* Passes the end on if everything before it is written. */
void relay_finish(struct relay_flow *f);

/* ---- relay_tls.c ---- */

/* Each returns NULL if memory is short. */
BIO_METHOD *relay_bio_new(void);
SSL_CTX *relay_refusing_new(void);

/* Replaces the memory BIOs and the context of the connection's SSL object. Returns 0 or -ENOMEM. */
int relay_tls_attach(struct relay_conn *c);

/*
 * Takes the content of one record, at most RELAY_CHUNK bytes. Returns the number of bytes; 0 when the peer
 * has ended; -EAGAIN if there is no more for now; another negative errno if the connection cannot be used any
 * more.
 */
ssize_t relay_tls_read(struct relay_conn *c, uint8_t *buf);

/* Sends the bytes as one record. Returns 0 or a negative errno as above. */
int relay_tls_write(struct relay_conn *c, const uint8_t *buf, size_t len);

/* Sends close_notify. */
void relay_tls_goodbye(struct relay_conn *c);

#endif
