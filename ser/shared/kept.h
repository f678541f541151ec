/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is kept of a connection while no SER runs, and how SER and the keeper (keeper/keeper.c) tell each
 * other: over an AF_UNIX socket of type SOCK_SEQPACKET, one datagram a message, each beginning with a struct
 * keeper_header.
 *
 * A SER that ends sends KEEPER_KEEP for each connection, with its socket (SCM_RIGHTS). A SER that starts
 * sends KEEPER_TAKE and gets them back, each as it came, and then KEEPER_NO_MORE. The two may be of different
 * versions and have different configurations, so a record has no pointers and no numbers that mean something
 * in one process only, and whoever reads one checks it like a stranger's bytes.
 *
 * Senders set SO_SNDBUF to KEEPER_MESSAGE_MAX; what is EMSGSIZE even so cannot be kept. ETOOMANYREFS means
 * that more descriptors are under way than the sender may have open. poll() does not tell when that is over,
 * so the sender tries again a moment later.
 */
#ifndef SER_SHARED_KEPT_H
#define SER_SHARED_KEPT_H

#include "ktls/stream_state.h"
#include "select/snapshot.h"
#include "uring/address.h"

#include <stdint.h>

#define KEEPER_MAGIC UINT32_C(0x534b6570)

enum {
	/* Of the messages and of the records in them. */
	KEEPER_VERSION = 1,
	KEEPER_MESSAGE_MAX = 192 * 1024,
	KEPT_NAME_MAX = 511,
	KEPT_ALIASES_MAX = 16,
};

enum keeper_kind {
	KEEPER_KEEP = 1, /* with a record behind the header, and a socket */
	KEEPER_TAKE,
	KEEPER_NO_MORE,
};

struct keeper_header {
	uint32_t magic;
	uint16_t version;
	uint16_t kind;
};

/* What is known of a connection. Pointers belong to the caller, or point into the decoded bytes. */
struct kept {
	int outbound;      /* 1: SER opened it */
	uint8_t why;       /* enum home_why (ser/shared/messages.h) */
	int16_t why_error; /* negative errno, or 0 */
	uint32_t since;    /* seconds since 1970 */
	union uring_address remote, local;
	union uring_address transport_remote,
		transport_local;             /* the proxy's connection; without one as above */
	union uring_address listener;        /* where it came in; not used if outbound */
	const char *domain;                  /* domain_name(); "" if it has none */
	const char *server_id, *server_name; /* what the script chose; "" if nothing */
	unsigned aliases; /* how many ports in alias: other ports under which the core finds it */
	uint16_t alias[KEPT_ALIASES_MAX];
	const struct snapshot *snapshot;
	const uint8_t *own;    /* DER of the certificate that we showed */
	size_t own_len;        /* 0: none */
	const uint8_t *stream; /* from ktls_stream_save() */
	size_t stream_len;
	const uint8_t *unread; /* content that SER has read and not taken as a message yet */
	size_t unread_len;
};

/* Writes a record to out (cap bytes). Returns its length, or -ENOSPC; out may have a part of it then. */
ssize_t kept_encode(const struct kept *k, uint8_t *out, size_t cap);

/*
 * Reads the len bytes of a record, which must stay while k is used and be writable (snapshot_check()). The
 * snapshot is aligned if the bytes are, to 8. Returns 0 or -EINVAL. The stream is not looked into:
 * ktls_stream_restore() does.
 */
int kept_decode(struct kept *k, uint8_t *in, size_t len);

#endif
