/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the responders share beside SIP: command line, listening socket, TLS settings, signals, the last
 * words. */
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
	unsigned idle; /* seconds without a byte after which a peer is closed, unfinished handshakes included
			*/
	unsigned peers_max;
};

/* Counts for the JSON line at the end. */
struct counts {
	uint64_t answered, peers, kernel, user, handshakes_failed;
};

/* Reads the command line; ends the process with a sentence and status 2 when it is no good. */
void setup_parse(struct setup *s, int argc, char **argv);

/* A listening socket, close-on-exec; tells the port as {"port": N} on stdout. Ends the process when there is
 * none. */
int setup_listen(const struct setup *s, int flags);

/* A server's context with the suites that all responders offer. Ends the process when there is none. */
SSL_CTX *setup_context(const struct setup *s);

/* A descriptor that is readable once SIGTERM or SIGINT came. */
int setup_signals(void);

void setup_no_delay(int fd);

/* Seconds of CLOCK_MONOTONIC. */
time_t setup_now(void);

/* The last line on stdout. */
void setup_report(const struct counts *c);

#endif
