/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Relays connections whose record keys cannot be given away, all on one loop: TLS on one side, plain text on
 * the other.
 *
 * OpenSSL does not give out keys for suites without an AEAD (CBC). So their SSL objects stay here, and the
 * SIP server gets one end of an AF_UNIX pair instead of the TCP socket. Nothing here waits for a single peer.
 * In each direction nothing is read while something read before (at most 20 KB) is not written yet, so a peer
 * that stops reading stalls only its own connection. An idle connection holds no buffers.
 *
 * How a connection ends. If the peer sends close_notify or ends the TCP stream, what it sent before is
 * delivered, and then the server reads the end of its stream; what the server sends until it closes its end
 * still goes out. If the server closes its end, what it sent before goes out, then close_notify and the end
 * of the TCP stream. In both cases the other side has send_timeout seconds to end as well. If a record cannot
 * be read, only OpenSSL's alert goes out. In all cases both descriptors are closed then and ended() is
 * called.
 *
 * Threads and processes: same as the loop.
 */
#ifndef URING_RELAY_H
#define URING_RELAY_H

#include "uring/server.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

struct uring_relay_config {
	void *arg;             /* for the callback */
	unsigned send_timeout; /* seconds, at least 1, in which a side must take something of what waits for
				  it */

	/*
	 * A connection is over, and the relay has closed both descriptors. reason is NULL if it ended
	 * properly (close_notify, or the server closed its end), else a phrase. Both are valid until the
	 * callback returns. It is called only from uring_turn() and may start other connections.
	 */
	void (*ended)(void *arg, const struct uring_peer *peer, const char *reason);
};

struct uring_relay;

/* config is copied. A relay lives as long as its loop and process. Returns 0 or -ENOMEM. */
int uring_relay_new(
	struct uring_relay **relay, struct uring_loop *loop, const struct uring_relay_config *config);

/*
 * Starts to relay between the TCP socket fd and plain, one end of an AF_UNIX SOCK_STREAM pair. ssl has a
 * finished handshake, two memory BIOs with nothing in them (ktls_handshake_take_ssl()) and
 * SSL_MODE_RELEASE_BUFFERS from its context. peer is copied, for ended(). Takes over fd, plain and ssl in any
 * case; on error they are closed and freed, and ended() is not called. Returns 0; -EINVAL if ssl is not in
 * that state; -ENOMEM; -EBUSY if the kernel accepts no more for now.
 */
int uring_relay_start(struct uring_relay *relay, const struct uring_peer *peer, int fd, int plain, SSL *ssl);

/* Number of connections that are not over yet. */
unsigned uring_relay_connections(const struct uring_relay *relay);

/*
 * For the end of the process: sends close_notify, without waiting, on every connection that has no
 * half-written record. Closes nothing; what the server sends afterwards is not relayed. Not for a signal
 * handler.
 */
void uring_relay_goodbye(struct uring_relay *relay);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
