/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers to a script's questions, out of a snapshot. Text and format are those of SER's TLS module.
 */
#ifndef SELECT_ANSWER_H
#define SELECT_ANSWER_H

#include "select/snapshot.h"

enum answer_field {
	ANSWER_DESCRIPTION, /* OpenSSL's one-line description of the cipher, with its newline */
	ANSWER_VERSION,     /* "TLSv1.3" */
	ANSWER_CIPHER,      /* OpenSSL's name of the suite */
	ANSWER_BITS,        /* decimal */
	ANSWER_OFFLOAD,     /* "kernel" or "user"; relayed connections are the latter */
	ANSWER_PEER_SUBJECT_CN,
	ANSWER_PEER_ISSUER_CN,
	ANSWER_PEER_VERIFIED, /* "1" when the peer showed a certificate that verified, else "0" */
	ANSWER_OWN_SUBJECT_CN,
	ANSWER_OWN_ISSUER_CN,
};

enum {
	ANSWER_MAX = 1024, /* a buffer of this size holds every answer; longer values are null, as in SER */
};

/*
 * Writes the value of a field into buf, ANSWER_MAX bytes, without a NUL at the end: certificate fields may
 * hold any byte. Returns its length, or -ENOENT where the value is null (no certificate, no such name, too
 * long, or a certificate that cannot be parsed). Takes no lock and changes nothing.
 */
ssize_t answer(const struct snapshot *s, enum answer_field field, char *buf);

#endif
