/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection after its handshake: content in and out of a TCP socket. Where its records live is called
 * their home.
 *
 * KTLS_HOME_KERNEL: the socket protects records itself. KTLS_HOME_USER: this file does, with the keys in the
 * stream. Both look the same to the caller. KTLS_HOME_RELAYED: another process does, for suites whose keys
 * cannot leave OpenSSL; this one reads and writes plain text and learns nothing but its end.
 *
 * A stream is plain data without pointers into a process, except for one buffer from the caller's allocator.
 * With a shared-memory allocator one process may read a stream and another write it, and they may change
 * between any two calls. Rules: at most one reader and one writer at a time, ensured by the caller's locks.
 * Reading touches nothing that writing uses. Limits: never more than KTLS_STREAM_CHUNK bytes are read ahead
 * or kept back.
 */
#ifndef KTLS_STREAM_H
#define KTLS_STREAM_H

#include "ktls/alert.h"
#include "ktls/bounds.h"
#include "ktls/handshake.h"
#include "ktls/post.h"
#include "ktls/record.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum ktls_home {
	KTLS_HOME_USER,
	KTLS_HOME_KERNEL,
	KTLS_HOME_RELAYED,
};

enum {
	KTLS_STREAM_CHUNK = KTLS_MAX_RECORD,
	KTLS_ALERT_RECORD_MAX = 2 + KTLS_MAX_EXPANSION,
	KTLS_TICKETS_MAX = 4096, /* bytes of tickets that one read can hand out */
};

/* Memory for the bytes that a stream keeps between two reads; alloc returns NULL if memory is short. */
struct ktls_allocator {
	void *(*alloc)(size_t len);
	void (*release)(void *p);
};

struct ktls_stash;

/* What a writer must send because of something that the reader found. */
enum {
	KTLS_OWES_KEY_UPDATE = 1,       /* a KeyUpdate of our own, before the next content: RFC 8446 4.6.3 */
	KTLS_OWES_NO_RENEGOTIATION = 2, /* the warning that refuses a new handshake: RFC 5246 7.2.2 */
};

/*
 * Limits on what a key may protect (RFC 8446 5.5, RFC 9147 4.5.3 for CCM). At the first limit of each pair
 * our sending key changes, at the second sending ends. Limits on what a peer may make us do are in
 * ktls/bounds.h.
 */
#define KTLS_GCM_SOFT_LIMIT (UINT64_C(1) << 23)
#define KTLS_GCM_HARD_LIMIT (UINT64_C(1) << 24)
#define KTLS_CCM_SOFT_LIMIT (UINT64_C(1) << 21)
#define KTLS_CCM_HARD_LIMIT (UINT64_C(1) << 22)
enum {
	KTLS_UNCOUNTED_READS = 64, /* reads of content before we ask the kernel for its count of records */
};

struct ktls_stream {
	uint8_t home;            /* enum ktls_home */
	uint8_t role;            /* enum ktls_role */
	uint16_t version;        /* TLS1_2_VERSION or TLS1_3_VERSION */
	uint8_t can_rekey;       /* with records in the kernel: it takes new keys for a live connection */
	uint8_t quiet;           /* the socket's low-water mark is raised: ktls_kernel_quiet() */
	uint8_t owes;            /* set by the reader, paid by a writer */
	uint8_t uncounted_reads; /* with records in the kernel: reads of content since we last asked */
	uint16_t max_fragment;   /* that of struct ktls_session_keys */
	struct ktls_bounds bounds;
	struct ktls_post post;
	/*
	 * With records in the kernel, without the key's bytes; tx.seq still counts the records written, and
	 * rx.seq is the highest number that the content read can explain.
	 */
	struct ktls_key rx, tx;
	struct ktls_secret rx_secret, tx_secret; /* TLS 1.3 */
	struct ktls_stash *stash;                /* bytes read but not taken yet, or NULL */
};

/* How a read ended. */
enum ktls_end {
	KTLS_END_NONE,         /* the connection goes on */
	KTLS_END_CLOSE_NOTIFY, /* the peer closed it properly */
	KTLS_END_TRUNCATED,    /* the TCP stream ended without close_notify */
	KTLS_END_ALERT,        /* the peer sent a fatal alert: .alert names it */
	KTLS_END_KEY_UPDATE,   /* the peer changed its key, the kernel cannot follow; we owe close_notify */
	KTLS_END_ERROR,        /* .error says what is wrong */
};

struct ktls_read {
	enum ktls_end end;
	int error;   /* negative errno */
	int owed;    /* 1: send .alert to the peer before closing: ktls_stream_send_alert() */
	int respond; /* 1: the stream owes the peer a message and goes on: ktls_stream_respond() */
	uint8_t alert;
	int more;    /* 1: there is content that no poll will announce; read again */
	int drained; /* 1: the socket had no more bytes for now */
	/*
	 * Whole NewSessionTicket messages, one after another, that a TLS 1.3 client came across, for
	 * ktls/late_ticket.h. Valid until this thread reads from a stream again; NULL if there are none. At
	 * most KTLS_TICKETS_MAX bytes. Tickets that do not fit or span records are left out, and with records
	 * in the kernel also those longer than the reader's buffer.
	 */
	const uint8_t *ticket;
	size_t ticket_len;
};

/*
 * Starts a stream with the keys of a finished handshake, which it copies. home says where they are used. For
 * KTLS_HOME_KERNEL, ktls_kernel_install() must have returned 0, and can_rekey says whether the kernel takes
 * new keys for a live connection (struct ktls_kernel_caps).
 */
void ktls_stream_init(
	struct ktls_stream *s, enum ktls_home home, const struct ktls_session_keys *keys, int can_rekey);

/* Wipes the stream's keys and bytes. The socket still belongs to the caller. */
void ktls_stream_wipe(struct ktls_stream *s, const struct ktls_allocator *mem);

/*
 * Reads application data from fd, never waiting, into buf (len bytes, at least 1). Returns the number of
 * bytes, which may be 0 without an end; r->end says whether the connection goes on after them. After an end
 * do not read the stream again.
 */
ssize_t ktls_stream_read(struct ktls_stream *s, int fd, void *buf, size_t len,
	const struct ktls_allocator *mem, struct ktls_read *r);

/*
 * Sends what the stream owes, without waiting. Needs the writer's rights, and nothing may be waiting to be
 * written before it. Returns 0; -EAGAIN if nothing was sent and it is still owed; another negative errno if
 * the stream is broken and must be closed.
 */
int ktls_stream_respond(struct ktls_stream *s, int fd);

/*
 * KTLS_HOME_KERNEL only: counts the records that writing len bytes makes; call it with the writer's rights
 * before each write. Returns 0, or -EOVERFLOW if the key has protected all that it may and the connection
 * must be closed.
 */
int ktls_stream_count_write(struct ktls_stream *s, size_t len);

/*
 * KTLS_HOME_USER only: protects content as records in out (cap bytes). Takes as much of the len bytes as fits
 * and sets *taken. Returns the number of bytes to write, all of them, in this order and before any others; or
 * a negative errno like ktls_record_seal().
 */
ssize_t ktls_stream_seal(
	struct ktls_stream *s, const void *in, size_t len, uint8_t *out, size_t cap, size_t *taken);

/*
 * Sends one alert without waiting: close_notify and what the RFC calls warnings as warnings, others as fatal.
 * Only whole records are sent. If the socket takes only part of one, nothing more can be sent on it and
 * -EAGAIN is returned. Needs the writer's rights. Returns 0 or a negative errno.
 */
int ktls_stream_send_alert(struct ktls_stream *s, int fd, uint8_t description);

/*
 * KTLS_HOME_USER only: makes the record that ktls_stream_send_alert() would send, for a caller that writes it
 * itself after what was sealed before. Needs the writer's rights. Returns its length or a negative errno.
 */
ssize_t ktls_stream_seal_alert(
	struct ktls_stream *s, uint8_t description, uint8_t out[KTLS_ALERT_RECORD_MAX]);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
