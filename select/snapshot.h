/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a script may ask about a TLS connection, copied once when the handshake ends.
 *
 * A snapshot is plain memory without pointers into OpenSSL or into a process. It is written once, before
 * anybody else can see it, and from then on only read. So it may lie in shared memory, and any number of
 * processes may read it without a lock. Certificates are kept as DER and parsed on demand.
 */
#ifndef SELECT_SNAPSHOT_H
#define SELECT_SNAPSHOT_H

#include "ktls/stream.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/* The certificate that we show to our peers; many snapshots refer to it. */
struct snapshot_cert {
	uint32_t len; /* bytes of DER */
	uint8_t der[];
};

enum {
	/* A chain that would make a snapshot larger is left out; the peer's certificate alone always fits. */
	SNAPSHOT_MAX = 128 * 1024,
};

struct snapshot {
	uint32_t size;                   /* bytes in all */
	int32_t verify_result;           /* X509_V_..., from SSL_get_verify_result() */
	const struct snapshot_cert *own; /* must outlive the snapshot; NULL if there is none */
	uint32_t handshake_ms;
	uint16_t bits;       /* strength of the cipher */
	uint8_t home;        /* enum ktls_home */
	uint8_t resumed;     /* 1: the session was resumed */
	uint8_t alpn_len;    /* 0: no protocol was agreed on */
	uint8_t chain_certs; /* certificates in the verified chain, including the peer's own; 0: not kept */
	/* Offsets into data. Strings end with a NUL. In the second line, 0 means none. */
	uint16_t version, cipher, description;
	uint16_t server_name, group, alpn;
	uint8_t nic; /* directions that a network card works on: enum ktls_nic, by ktls_nic_ask() */
	uint32_t peer, peer_len; /* DER of the peer's certificate; peer_len 0: it showed none */
	uint32_t chain;          /* certificates after the peer's: a uint32_t length and the DER of each */
	uint8_t data[];
};

/* What is not in OpenSSL's connection. */
struct snapshot_about {
	enum ktls_home home;
	const struct snapshot_cert *own; /* belongs to the caller */
	unsigned handshake_ms;
	int keep_chain; /* 1: keep the verified chain, which needs some KB */
};

/* How many bytes snapshot_take() needs for this connection. */
size_t snapshot_size(SSL *ssl, const struct snapshot_about *about);

/*
 * Fills s (size bytes, from snapshot_size()) from a finished handshake. Returns 0, or -ENOSPC if size is too
 * small.
 */
int snapshot_take(struct snapshot *s, size_t size, SSL *ssl, const struct snapshot_about *about);

/*
 * Whether size bytes from elsewhere are a snapshot: every text and certificate lies inside and has its end.
 * Clears what must not come from there: own. Returns 0 or -EINVAL.
 */
int snapshot_check(struct snapshot *s, size_t size);

/*
 * The certificate with that index in the verified chain; 0 is the peer's own. Returns its length, or 0 if
 * there is none.
 */
size_t snapshot_chain(const struct snapshot *s, int index, const uint8_t **der);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
