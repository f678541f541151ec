/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection of the closed loop: at most one request outstanding. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "report.h"
#include "sip.h"
#include "stream.h"

enum {
	ANSWER_MAX = 20 * 1024
}; /* room for one answer, and above the 16 KiB of a TLS record */

enum client_state {
	CLIENT_OPENING,
	CLIENT_IDLE,
	CLIENT_BUSY,
	CLIENT_FAILED
};

struct client {
	enum client_state state;
	struct stream stream;
	struct sip_request request;
	uint64_t since; /* when the connect or the outstanding request began */
	char call_id[CALL_ID_MAX];
	char *out;
	size_t out_size;
	size_t out_sent;
	size_t in_size;
	char in[ANSWER_MAX];
};

/* Begins to connect; nonce tells the Call-IDs of this run from those of another. */
void client_open(struct client *c, const struct options *o, int epoll, uint32_t id, SSL_CTX *ctx,
	uint64_t nonce, struct tally *t);
/* Sends the next request of an idle client. */
void client_send(struct client *c, struct tally *t);
/* Goes on after an event: handshake, rest of the request, answer. */
void client_event(struct client *c, struct tally *t);
/* Counts a timeout when the connect or the answer takes too long. */
void client_check_time(struct client *c, struct tally *t, uint64_t now);
void client_free(struct client *c);

#endif
