/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection after its handshake: content in and out of a TCP socket whose records live in one of two
 * homes.
 *
 * KTLS_HOME_KERNEL: the socket protects records itself. KTLS_HOME_USER: this file does, with the keys in the
 * stream. Both behave alike to the caller.
 *
 * A stream is plain data without pointers into a process, apart from one buffer that comes from the caller's
 * allocator: with a shared-memory allocator a stream may be read by one process and written by another, and
 * change hands between any two calls.
 * Rules: at most one reader and one writer at a time, each keeping the other processes out by a lock of the
 * caller's. Reading touches nothing that writing uses.
 * Limits: never more than KTLS_STREAM_CHUNK bytes are read ahead or kept back.
 */
#ifndef KTLS_STREAM_H
#define KTLS_STREAM_H

#include "ktls/alert.h"
#include "ktls/handshake.h"
#include "ktls/record.h"

enum ktls_home {
	KTLS_HOME_USER,
	KTLS_HOME_KERNEL,
};

enum {
	KTLS_STREAM_CHUNK = KTLS_MAX_RECORD,
};

/* Where a stream keeps bytes between two reads; alloc returns NULL when memory is short. */
struct ktls_allocator {
	void *(*alloc)(size_t len);
	void (*release)(void *p);
};

struct ktls_stash;

struct ktls_stream {
	uint8_t home;             /* enum ktls_home */
	uint8_t version_13;       /* 1 for TLS 1.3 */
	uint8_t quiet;            /* the socket's low-water mark is raised: ktls_kernel_quiet() */
	struct ktls_key rx, tx;   /* wiped in the kernel's home */
	struct ktls_stash *stash; /* bytes read but not yet taken, or NULL */
};

/* How a read ended. */
enum ktls_end {
	KTLS_END_NONE,         /* the connection goes on */
	KTLS_END_CLOSE_NOTIFY, /* the peer closed it properly */
	KTLS_END_TRUNCATED,    /* the TCP stream ended without close_notify */
	KTLS_END_ALERT,        /* the peer sent a fatal alert: .alert names it */
	KTLS_END_ERROR,        /* .error says what is wrong */
};

struct ktls_read {
	enum ktls_end end;
	int error; /* negative errno */
	int owed;  /* 1: send .alert to the peer before closing */
	uint8_t alert;
	int more;    /* 1: there is content that no poll will announce; read again */
	int drained; /* 1: the socket had no more bytes for now */
};

/*
 * Starts a stream with the keys of a finished handshake, which it copies; home says where they are at work.
 * For KTLS_HOME_KERNEL ktls_kernel_install() must have returned 0.
 */
void ktls_stream_init(struct ktls_stream *s, enum ktls_home home, const struct ktls_session_keys *keys);

/* Wipes the stream's keys and bytes. The socket stays the caller's. */
void ktls_stream_wipe(struct ktls_stream *s, const struct ktls_allocator *mem);

/*
 * Reads application data from fd, never waiting, into buf (len bytes, at least 1). Returns the number of
 * bytes, which may be 0 without any end; r->end says whether the connection goes on behind them. After an end
 * the stream must not be read again.
 */
ssize_t ktls_stream_read(struct ktls_stream *s, int fd, void *buf, size_t len,
	const struct ktls_allocator *mem, struct ktls_read *r);

/*
 * KTLS_HOME_USER only: protects content as records into out (cap bytes). Takes as much of the len bytes as
 * fits and sets *taken. Returns the number of bytes to write, all of them, in this order and before any
 * other; or a negative errno as ktls_record_seal().
 */
ssize_t ktls_stream_seal(
	struct ktls_stream *s, const void *in, size_t len, uint8_t *out, size_t cap, size_t *taken);

/*
 * Sends one alert without waiting. Only whole records are sent: where the socket takes a part only, nothing
 * more can be sent on it and -EAGAIN is returned. Needs the writer's rights. Returns 0 or a negative errno.
 */
int ktls_stream_send_alert(struct ktls_stream *s, int fd, enum ktls_alert_level level, uint8_t description);

#endif
