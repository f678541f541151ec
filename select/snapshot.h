/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The facts about a TLS connection that a script may ask for, copied once when the handshake ends.
 *
 * A snapshot is plain memory without pointers into OpenSSL or into a process: it is written once, before
 * anybody else can see it, and only read from then on. So it may lie in shared memory and be read by any
 * number of processes without a lock. Certificates are kept as DER and parsed when they are asked for.
 */
#ifndef SELECT_SNAPSHOT_H
#define SELECT_SNAPSHOT_H

#include "ktls/stream.h"

/* A certificate that many snapshots refer to: the one we show to our peers. */
struct snapshot_cert {
	uint32_t len; /* bytes of DER */
	uint8_t der[];
};

struct snapshot {
	uint32_t size;                   /* bytes of the whole */
	int32_t verify_result;           /* X509_V_...: what SSL_get_verify_result() said */
	uint16_t bits;                   /* strength of the cipher */
	uint8_t home;                    /* enum ktls_home */
	const struct snapshot_cert *own; /* must outlive the snapshot; NULL when there is none */
	/* Offsets into data; strings end with a NUL. */
	uint16_t version, cipher, description;
	uint32_t peer, peer_len; /* DER of the peer's certificate; peer_len 0 when it showed none */
	uint8_t data[];
};

/* Bytes that snapshot_take() needs for this connection. */
size_t snapshot_size(SSL *ssl);

/*
 * Fills s (size bytes, as snapshot_size() said) from a finished handshake. own stays the caller's.
 * Returns 0, or -ENOSPC when size is too small.
 */
int snapshot_take(
	struct snapshot *s, size_t size, SSL *ssl, enum ktls_home home, const struct snapshot_cert *own);

#endif
