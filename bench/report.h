/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts what was done, and prints it. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "histogram.h"
#include "options.h"
#include "series.h"

#include <openssl/ssl.h>

enum fault {
	FAULT_CONNECT,      /* no TCP connection */
	FAULT_HANDSHAKE,    /* TCP connection, but no TLS session */
	FAULT_TIMEOUT,      /* no progress in time */
	FAULT_CLOSED,       /* the server closed the connection, or it broke */
	FAULT_MALFORMED,    /* not a SIP answer, or one too long */
	FAULT_WRONG_STATUS, /* the right answer, but with a status other than 200 */
	FAULT_WRONG_ANSWER, /* an answer to no outstanding request */
	FAULTS
};

struct tally {
	const char *unit; /* "messages", "handshakes", "opened", ... */
	uint64_t done;    /* how many were answered or finished */
	uint64_t resumed; /* how many handshakes resumed a session */
	uint64_t faults[FAULTS];
	uint64_t started; /* nanoseconds of the monotonic clock */
	uint64_t ended;
	uint64_t last;            /* when the last one was done */
	uint64_t silence;         /* the longest time without one done, counting start and end */
	struct histogram latency; /* microseconds */
	struct series series;
	char version[16];
	char suite[64];
};

uint64_t now_ns(void);
void tally_start(struct tally *t, const char *unit);
void tally_stop(struct tally *t);
uint64_t tally_errors(const struct tally *t);
/* Counts a fault; the first few are also reported on stderr. */
void tally_fault(struct tally *t, enum fault fault, const char *reason);
void tally_done(struct tally *t, uint64_t since, uint64_t now);
/* Stores the negotiated version and suite of the first session. */
void tally_session(struct tally *t, const SSL *ssl);

/* One tally's part of a progress line. */
void report_progress(const struct tally *t, uint64_t before, double step);
/* The JSON object on stdout: opened with the settings of the run, ... */
void report_open(const struct options *o, const struct tally *session);
/* ... what was counted, as an object of that name or, with NULL, as keys of the run itself, ... */
void report_tally(const char *name, const struct tally *t);
void report_number(const char *name, uint64_t number);
void report_latency(const char *name, const struct histogram *h);
/* ... and closed. Returns false if it could not be written. */
bool report_close(void);

#endif
