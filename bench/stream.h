/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A non-blocking client connection, plain TCP or TLS, watched by epoll. */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include "options.h"

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

enum stream_state {
	STREAM_CLOSED,
	STREAM_CONNECTING,
	STREAM_HANDSHAKE,
	STREAM_READY
};
enum stream_result {
	STREAM_OK,
	STREAM_AGAIN,
	STREAM_EOF,
	STREAM_FAILED
};

struct stream {
	enum stream_state state;
	int fd;
	int epoll;
	uint32_t id;     /* handed back in epoll_event.data.u32 */
	uint32_t events; /* what epoll watches for */
	SSL *ssl;        /* NULL for plain TCP */
	char reason[160];
};

/* How a stream is opened. */
struct stream_setup {
	const struct options *options;
	SSL_CTX *ctx;         /* NULL for plain TCP */
	SSL_SESSION *session; /* NULL for a full handshake */
	uint32_t source;      /* the IPv4 address to come from, host byte order; 0: any */
	bool narrow;          /* small receive buffer, segments of an Ethernet: soon full when not read */
};

/* The client context of the run; ends the process with a sentence when the options do not suit. */
SSL_CTX *stream_context(const struct options *o);
/* Begins to connect. */
enum stream_result stream_open(struct stream *s, const struct stream_setup *setup, int epoll, uint32_t id);
/* Goes on with connect and handshake; STREAM_OK once the stream is ready. */
enum stream_result stream_establish(struct stream *s);
enum stream_result stream_read(struct stream *s, char *to, size_t room, size_t *got);
enum stream_result stream_write(struct stream *s, const char *from, size_t size, size_t *put);
/* From now on epoll only tells that the server closed or reset. */
enum stream_result stream_ignore_input(struct stream *s);
/* True when bytes are left inside the TLS layer, of which epoll does not know. */
bool stream_pending(const struct stream *s);
/* Closes with a reset, so no port is left in TIME_WAIT. */
void stream_reset(struct stream *s);
/* Closes in order: close_notify, then close(). */
void stream_finish(struct stream *s);

#endif
