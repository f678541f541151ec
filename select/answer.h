/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers to a script's questions, from a snapshot. Text and format are those of SER's TLS module; what that
 * module lacks is marked new.
 */
#ifndef SELECT_ANSWER_H
#define SELECT_ANSWER_H

#include "select/snapshot.h"

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum answer_field {
	/* About the connection. */
	ANSWER_DESCRIPTION,    /* OpenSSL's one-line description of the cipher, with its newline */
	ANSWER_VERSION,        /* "TLSv1.3" */
	ANSWER_CIPHER,         /* OpenSSL's name of the suite */
	ANSWER_BITS,           /* decimal */
	ANSWER_SERVER_NAME,    /* SNI, of either side */
	ANSWER_OFFLOAD,        /* new: "kernel", "nic" or "user"; "user" for relayed ones, too */
	ANSWER_ALPN,           /* new: the application protocol that was agreed on */
	ANSWER_GROUP,          /* new: OpenSSL's name for the group of the key exchange */
	ANSWER_RESUMED,        /* new: "1" or "0" */
	ANSWER_HANDSHAKE_TIME, /* new: milliseconds, decimal */
	/* The result of verifying the peer's certificate: "1" or "0"; null for our own. */
	ANSWER_VERIFIED,
	ANSWER_REVOKED,
	ANSWER_EXPIRED,
	ANSWER_SELF_SIGNED,
	ANSWER_CHAIN, /* PEM; .index in the verified chain of the peer's certificate, which is 0 */
	/* About a certificate. */
	ANSWER_SUBJECT, /* the first entry of .nid in the subject, as UTF-8 */
	ANSWER_ISSUER,
	ANSWER_SUBJECT_LINE, /* X509_NAME_oneline() */
	ANSWER_ISSUER_LINE,
	ANSWER_CERT_VERSION, /* decimal; "2" is X.509 version 3 */
	ANSWER_SERIAL,       /* decimal */
	ANSWER_NOT_BEFORE,   /* "Jan  2 03:04:05 2024 GMT" */
	ANSWER_NOT_AFTER,
	ANSWER_SAN,         /* the subject alternative name of type .san with that .index */
	ANSWER_SAN_COUNT,   /* how many there are of type .san */
	ANSWER_PEM,         /* with newlines */
	ANSWER_FINGERPRINT, /* new: SHA-256, lower-case hexadecimal */
	ANSWER_FIELDS
};

struct question {
	uint8_t field;   /* enum answer_field */
	uint8_t own;     /* 1: our certificate, 0: the peer's */
	uint8_t escaped; /* 1: every byte except letters, digits and -_.~ becomes %xx */
	uint8_t san;     /* GEN_EMAIL, GEN_DNS, GEN_URI or GEN_IPADD */
	int nid;         /* NID_commonName ... */
	int index;
};

enum {
	ANSWER_TEXT_MAX = 1024,           /* longer fields are null, as in SER, ... */
	ANSWER_LONG_MAX = 16384,          /* ... but certificates and whole names may be this long */
	ANSWER_MAX = 3 * ANSWER_LONG_MAX, /* a buffer of this size holds every answer */
};

/*
 * Writes the answer into buf, which has ANSWER_MAX bytes. There is no NUL at the end, because certificate
 * fields may hold any byte. Returns the length, or -ENOENT if the value is null (no certificate, no such
 * field, too long, or a certificate that cannot be parsed).
 *
 * Takes no lock and does not change the snapshot. Each thread keeps the certificates that it parsed last.
 */
ssize_t snapshot_answer(const struct snapshot *s, const struct question *q, char *buf);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
