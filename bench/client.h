/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection that sends OPTIONS and checks each answer. Answers come in the order of the requests. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "report.h"
#include "sip.h"
#include "stream.h"

enum {
	ANSWER_MAX = 20 * 1024 /* room for one answer, and more than a TLS record's 16 KiB */
};

enum client_state {
	CLIENT_OPENING,
	CLIENT_OPEN,
	CLIENT_FAILED
};

struct client {
	enum client_state state;
	struct stream stream;
	struct sip_request request;
	char call_id[CALL_ID_MAX];
	uint64_t opened; /* when connecting began */
	uint32_t window; /* how many requests may be outstanding, a power of two */
	uint32_t sent;
	uint32_t answered;
	uint64_t *since; /* when the latency of each outstanding request starts to count */
	char *out;
	size_t out_size;
	size_t out_sent;
	size_t in_size;
	char in[ANSWER_MAX];
};

/* Begins to connect; nonce distinguishes this run's Call-IDs from another's. */
void client_open(struct client *c, const struct stream_setup *setup, int epoll, uint32_t id, uint32_t window,
	uint64_t nonce, struct tally *t);
/* True if a request may be sent: the last one is sent and the window has room. */
bool client_ready(const struct client *c);
uint32_t client_outstanding(const struct client *c);
/* Sends the next request of a ready client; its latency counts from since. */
void client_send(struct client *c, struct tally *t, uint64_t since);
/* Continues after an event: handshake, rest of the request, answers. */
void client_event(struct client *c, struct tally *t);
/* Counts a timeout if connecting takes over 10 s or an answer longer than the limit. */
void client_check_time(struct client *c, struct tally *t, uint64_t now, uint64_t answer_limit);
void client_free(struct client *c);

#endif
