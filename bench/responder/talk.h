/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SIP over a stream (RFC 3261 18.3), for a server that answers every request with 200: bytes in, bytes out,
 * no sockets.
 */
#ifndef RESPONDER_TALK_H
#define RESPONDER_TALK_H

#include <stddef.h>
#include <stdint.h>

enum {
	TALK_IN = 65536,  /* a longer message is refused */
	TALK_OUT = 32768, /* answers that wait to be sent */
};

struct talk {
	size_t in_len;           /* received and not yet answered */
	size_t out_off, out_len; /* to be sent */
	uint64_t answered;       /* requests answered */
	char in[TALK_IN], out[TALK_OUT];
};

/*
 * Where to receive the next bytes. There is always room while talk_answer() returns 0 and nothing is unsent.
 */
static inline char *talk_room(struct talk *t, size_t *len)
{
	*len = TALK_IN - t->in_len;
	return t->in + t->in_len;
}

static inline size_t talk_unsent(const struct talk *t)
{
	return t->out_len - t->out_off;
}

/* Says that this many more bytes of the output were sent. */
void talk_sent(struct talk *t, size_t len);

/*
 * Answers the complete messages that were received, while there is room for answers; call it again when all
 * answers are sent. Returns 0; -EPROTO if something is not SIP; -EMSGSIZE if a message is too long. On error
 * the connection must end, after the answers to what came before.
 */
int talk_answer(struct talk *t);

#endif
