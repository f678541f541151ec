/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of the load generator. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

enum {
	EXIT_USAGE = 2
};

enum {
	CLIENTS_MAX = 1000, /* clients that send, do handshakes or stall */
	IDLE_MAX = 200000,  /* clients that do little */
	RATE_MAX = 200000,
	SECONDS_MAX = 3600,
	BODY_MAX = 32768,
};

enum mode {
	MODE_CLOSED,
	MODE_RATE,
	MODE_STORM,
	MODE_RESUME,
	MODE_IDLE,
	MODE_STALLED,
	MODE_MIXED,
	MODE_RESTART,
	MODES
};

struct options {
	enum mode mode;
	const char *mode_name;
	struct sockaddr_storage to;
	socklen_t to_length;
	char to_text[INET6_ADDRSTRLEN + 8]; /* address and port, an IPv6 address in brackets */
	bool tls;
	bool plain_close;
	bool until_eof;
	bool hold;
	int connections; /* connections that exchange messages or idle */
	int parallel;    /* handshakes at a time */
	int peers;       /* peers that stall */
	int peer_rate;   /* requests per second from each of them */
	int rate;        /* messages per second on all connections together; 0: closed loop */
	int seconds;     /* of each phase */
	int every;       /* seconds after which each connection is asked again; 0: it is not */
	int body;
	int tls_max; /* TLS1_2_VERSION or TLS1_3_VERSION */
	const char *ciphers;
	const char *ca;
};

/* Prints a sentence and ends the process with EXIT_USAGE if the command line is wrong. */
void options_parse(struct options *o, int argc, char **argv);

#endif
