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
	uint32_t events; /* the events that epoll watches for */
	SSL *ssl;        /* NULL for plain TCP */
	char reason[160];
};

/* How to open a stream. */
struct stream_setup {
	const struct options *options;
	SSL_CTX *ctx;         /* NULL for plain TCP */
	SSL_SESSION *session; /* NULL for a full handshake */
	uint32_t source;      /* the source IPv4 address, in host byte order; 0: any */
	bool narrow;          /* small receive buffer and Ethernet-sized segments: soon full if not read */
};

/* The client context for the run. Ends the process with a sentence if the options are wrong. */
SSL_CTX *stream_context(const struct options *o);
/* Begins to connect. */
enum stream_result stream_open(struct stream *s, const struct stream_setup *setup, int epoll, uint32_t id);
/* Continues connect and handshake; STREAM_OK once the stream is ready. */
enum stream_result stream_establish(struct stream *s);
enum stream_result stream_read(struct stream *s, char *to, size_t room, size_t *got);
enum stream_result stream_write(struct stream *s, const char *from, size_t size, size_t *put);
/* From now on epoll only reports that the server closed or reset the connection. */
enum stream_result stream_ignore_input(struct stream *s);
/* True if bytes are left inside the TLS layer, which epoll does not see. */
bool stream_pending(const struct stream *s);
/* Closes with a reset, so that no port stays in TIME_WAIT. */
void stream_reset(struct stream *s);
/* Closes properly: close_notify, then close(). */
void stream_finish(struct stream *s);

#endif
