/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the responders share besides SIP: command line, listening socket, TLS settings, signals, the last line
 * of output.
 */
#ifndef RESPONDER_SETUP_H
#define RESPONDER_SETUP_H

#include <openssl/ssl.h>
#include <stdint.h>
#include <time.h>

struct setup {
	int port;                /* on 127.0.0.1; 0: any */
	const char *certificate; /* PEM; NULL: plain TCP */
	const char *private_key;
	int ktls;      /* 0: records stay in user space */
	unsigned idle; /* close a peer after this many seconds without a byte, even in a handshake */
	unsigned peers_max;
};

/* Counters for the JSON line at the end. */
struct counts {
	uint64_t answered, peers, kernel, user, handshakes_failed;
};

/* Reads the command line; if it is wrong, ends the process with a sentence and status 2. */
void setup_parse(struct setup *s, int argc, char **argv);

/*
 * Opens a listening socket, close-on-exec, and prints its port as {"port": N} on stdout. Ends the process if
 * it cannot.
 */
int setup_listen(const struct setup *s, int flags);

/* Makes a server context with the suites that all responders offer. Ends the process if it cannot. */
SSL_CTX *setup_context(const struct setup *s);

/* A descriptor that becomes readable with SIGTERM or SIGINT. */
int setup_signals(void);

void setup_no_delay(int fd);

/* Seconds of CLOCK_MONOTONIC. */
time_t setup_now(void);

/* Prints the last line on stdout. */
void setup_report(const struct counts *c);

#endif
