/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Record protection in user space: one record in, one record out; no sockets, no allocation for each record.
 *
 * Limits: a record carries at most KTLS_MAX_PLAIN bytes (RFC 8446 5.1). TLS 1.3 records are sent without
 * padding; padding in received ones is removed. Threads and processes: only one caller may use a key at a
 * time. Every thread keeps cipher contexts with the keys that it used last (ktls/cipher.h).
 */
#ifndef KTLS_RECORD_H
#define KTLS_RECORD_H

#include "ktls/key.h"

#include <sys/types.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum {
	KTLS_HEADER_LEN = 5,
	KTLS_MAX_PLAIN = 16384,
	/* RFC 5246 6.2.3 allows 2048 bytes of expansion; our AEADs never need more than TLS 1.3's 256. */
	KTLS_MAX_RECORD = KTLS_HEADER_LEN + KTLS_MAX_PLAIN + 256,
	/* The most that ktls_record_seal() adds to a message. */
	KTLS_MAX_EXPANSION = KTLS_HEADER_LEN + KTLS_EXPLICIT_LEN + KTLS_TAG_LEN,
};

enum ktls_content_type { /* RFC 8446 5.1 */
	KTLS_NO_RECORD = 0,
	KTLS_CHANGE_CIPHER_SPEC = 20,
	KTLS_ALERT = 21,
	KTLS_HANDSHAKE = 22,
	KTLS_APPLICATION_DATA = 23,
};

/*
 * Length of the record that starts at p, including its header; at least KTLS_HEADER_LEN bytes must be there.
 * Returns -EPROTO if the header is not one of TLS 1.2 or 1.3, -EMSGSIZE if the record is longer than
 * KTLS_MAX_RECORD (answer with the alert record_overflow).
 */
ssize_t ktls_record_length(const uint8_t *p);

/*
 * Protects len bytes (at most KTLS_MAX_PLAIN) as one record of the given content type into out, which has
 * room for cap bytes; in and out must not overlap. Advances the sequence number. Returns the record's length;
 * -EMSGSIZE if it does not fit; -EOVERFLOW if the sequence numbers are used up; -ENOMEM or -EIO if OpenSSL
 * fails. On error no sequence number is used.
 */
ssize_t ktls_record_seal(struct ktls_key *k, enum ktls_content_type type, const void *in, size_t len,
	uint8_t *out, size_t cap);

struct ktls_plain {
	enum ktls_content_type type;
	uint8_t *data; /* inside the record's own bytes */
	size_t len;
};

/*
 * Opens one whole record of len bytes in place. Advances the sequence number. Returns 0; -EBADMSG if it is
 * forged or damaged (alert bad_record_mac); -EPROTO if it is malformed (unexpected_message); -EMSGSIZE if it
 * holds more than KTLS_MAX_PLAIN bytes (record_overflow); -EOVERFLOW, -ENOMEM or -EIO as above. After an
 * error the bytes are undefined and the connection must end.
 */
int ktls_record_open(struct ktls_key *k, uint8_t *record, size_t len, struct ktls_plain *plain);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
