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

#pragma GCC visibility push(default)

/* A certificate that many snapshots refer to: the one we show to our peers. */
struct snapshot_cert {
	uint32_t len; /* bytes of DER */
	uint8_t der[];
};

enum {
	/* A chain that would make a snapshot larger is left out; the peer's certificate alone stays below. */
	SNAPSHOT_MAX = 128 * 1024,
};

struct snapshot {
	uint32_t size;                   /* bytes of the whole */
	int32_t verify_result;           /* X509_V_...: what SSL_get_verify_result() said */
	const struct snapshot_cert *own; /* must outlive the snapshot; NULL when there is none */
	uint32_t handshake_ms;
	uint16_t bits;       /* strength of the cipher */
	uint8_t home;        /* enum ktls_home */
	uint8_t resumed;     /* 1: the session was resumed */
	uint8_t alpn_len;    /* 0: no protocol was agreed on */
	uint8_t chain_certs; /* certificates of the verified chain, the peer's own included; 0: not kept */
	/* Offsets into data. Strings end with a NUL; of the second line, 0 means none. */
	uint16_t version, cipher, description;
	uint16_t server_name, group, alpn;
	uint32_t peer, peer_len; /* DER of the peer's certificate; peer_len 0 when it showed none */
	uint32_t chain;          /* the certificates behind the peer's: of each, uint32_t length and DER */
	uint8_t data[];
};

/* What OpenSSL's connection does not know. */
struct snapshot_about {
	enum ktls_home home;
	const struct snapshot_cert *own; /* stays the caller's */
	unsigned handshake_ms;
	int keep_chain; /* 1: keep the verified chain, which takes some KB */
};

/* Bytes that snapshot_take() needs for this connection. */
size_t snapshot_size(SSL *ssl, const struct snapshot_about *about);

/*
 * Fills s (size bytes, as snapshot_size() said) from a finished handshake. Returns 0, or -ENOSPC when size is
 * too small.
 */
int snapshot_take(struct snapshot *s, size_t size, SSL *ssl, const struct snapshot_about *about);

/*
 * Whether size bytes from elsewhere are a snapshot: every text and certificate lies inside and has its end.
 * Clears what must not come from there: own. Returns 0 or -EINVAL.
 */
int snapshot_check(struct snapshot *s, size_t size);

/* The part of the verified chain with that index, 0 the peer's own. Returns its length, 0 when it has none.
 */
size_t snapshot_chain(const struct snapshot *s, int index, const uint8_t **der);

#pragma GCC visibility pop

#endif
