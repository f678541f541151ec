/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the SIP request and checks its answer. */
#ifndef BENCH_SIP_H
#define BENCH_SIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SIP_HEADER_MAX = 1024,
	CALL_ID_MAX = 64
};

struct sip_request {
	const char *method;
	const char *to; /* address and port */
	const char *transport;
	const char *call_id;
	size_t body;
};

enum sip_verdict {
	SIP_INCOMPLETE,
	SIP_OK,
	SIP_MALFORMED,
	SIP_WRONG_STATUS,
	SIP_WRONG_ANSWER, /* Call-ID or CSeq differ from the request's */
};

/* Writes the request to out, which has room for SIP_HEADER_MAX plus the body. Returns its length. */
size_t sip_build(const struct sip_request *request, uint32_t cseq, char *out);
/* Checks the first message in the bytes; used is its length unless it is incomplete or malformed. */
enum sip_verdict sip_check(
	const struct sip_request *request, uint32_t cseq, const char *bytes, size_t size, size_t *used);

#endif
