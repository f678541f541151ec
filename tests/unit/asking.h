/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots of connections made in memory, and what they answer. */
#ifndef UNIT_ASKING_H
#define UNIT_ASKING_H

#include "connection.h"

#include "select/answer.h"

#include <openssl/objects.h>

/* What a snapshot is to be taken of. */
struct asked {
	SSL_CTX *server, *client; /* stay the caller's */
	struct snapshot_about about;
	const char *server_name; /* that the client asks for, or NULL */
};

/* Questions. */
#define ABOUT(what)     ((struct question){.field = (what)})
#define NAME(of, which) ((struct question){.field = (of), .own = (which), .nid = NID_commonName})
#define PEER_SUBJECT_CN NAME(ANSWER_SUBJECT, 0)
#define PEER_ISSUER_CN  NAME(ANSWER_ISSUER, 0)
#define OWN_SUBJECT_CN  NAME(ANSWER_SUBJECT, 1)
#define OWN_ISSUER_CN   NAME(ANSWER_ISSUER, 1)

/*
 * Shakes hands and takes a snapshot, in memory that ends where the snapshot ends, so that the sanitizer sees
 * every byte too many. The connection is gone afterwards: the snapshot must not need it. For free().
 */
struct snapshot *ask_about(const struct asked *a);

/* A certificate as the module keeps its own. For free(). */
struct snapshot_cert *keep_cert(X509 *cert);

/* End the test unless the answer is these bytes, this text, or null. */
void assert_answer(const struct snapshot *s, struct question q, const void *value, size_t len);
void assert_answer_text(const struct snapshot *s, struct question q, const char *text);
void assert_no_answer(const struct snapshot *s, struct question q);

#endif
