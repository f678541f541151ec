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
	CLIENTS_MAX = 1000, /* stays below the usual limit of 1024 open files */
	SECONDS_MAX = 3600,
	BODY_MAX = 32768,
};

enum mode {
	MODE_CLOSED,
	MODE_STORM
};

struct options {
	enum mode mode;
	struct sockaddr_storage to;
	socklen_t to_length;
	char to_text[INET6_ADDRSTRLEN + 8]; /* address and port, an IPv6 address in brackets */
	bool tls;
	bool resume;
	bool plain_close;
	int clients;
	int seconds;
	int body;
	int tls_max; /* TLS1_2_VERSION or TLS1_3_VERSION */
	const char *ciphers;
	const char *ca;
};

/* Prints a sentence and ends the process with EXIT_USAGE when the command line is not usable. */
void options_parse(struct options *o, int argc, char **argv);

#endif
