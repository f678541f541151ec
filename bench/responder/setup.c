/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "setup.h"

#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

enum {
	EXIT_USAGE = 2,
	BACKLOG = 1024,
};

static const char usage[] =
	"usage: responder-... [option...]\n"
	"Answers every SIP request 200, on 127.0.0.1, until SIGTERM. One JSON line with the port, one with "
	"counts.\n"
	"  --port N              0: any (default)\n"
	"  --certificate FILE    PEM, with --private-key FILE; without them it speaks plain TCP\n"
	"  --idle SECONDS        after which a silent peer is closed (default 60)\n"
	"  --peers N             at most so many at a time (default 2000)\n"
	"  --no-ktls             records stay in user space; OpenSSL's always do\n";

static const struct option options[] = {
	{"port", required_argument, NULL, 'p'},
	{"certificate", required_argument, NULL, 'c'},
	{"private-key", required_argument, NULL, 'k'},
	{"idle", required_argument, NULL, 'i'},
	{"peers", required_argument, NULL, 'n'},
	{"no-ktls", no_argument, NULL, 'u'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static unsigned number(const char *name, unsigned low, unsigned high)
{
	char *end;
	unsigned long n = strtoul(optarg, &end, 10);

	if (*optarg < '0' || *optarg > '9' || *end || n < low || n > high)
		errx(EXIT_USAGE, "--%s must be from %u to %u, not '%s'.", name, low, high, optarg);
	return (unsigned)n;
}

void setup_parse(struct setup *s, int argc, char **argv)
{
	int option;

	*s = (struct setup){.ktls = 1, .idle = 60, .peers_max = 2000};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'p':
			s->port = (int)number("port", 0, UINT16_MAX);
			break;
		case 'c':
			s->certificate = optarg;
			break;
		case 'k':
			s->private_key = optarg;
			break;
		case 'i':
			s->idle = number("idle", 1, 3600);
			break;
		case 'n':
			s->peers_max = number("peers", 1, 20000);
			break;
		case 'u':
			s->ktls = 0;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		default:
			fputs(usage, stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind != argc)
		errx(EXIT_USAGE, "'%s' is one word too many; see --help.", argv[optind]);
	if (!s->certificate != !s->private_key)
		errx(EXIT_USAGE, "--certificate and --private-key go together.");
}

int setup_listen(const struct setup *s, int flags)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)s->port)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), one = 1;

	if (fd < 0)
		err(EXIT_FAILURE, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, len) || listen(fd, BACKLOG) ||
		getsockname(fd, (struct sockaddr *)&addr, &len))
		err(EXIT_FAILURE, "127.0.0.1:%d cannot be listened on", s->port);
	printf("{\"port\": %d}\n", ntohs(addr.sin_port));
	fflush(stdout);
	return fd;
}

SSL_CTX *setup_context(const struct setup *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx)
		errx(EXIT_FAILURE, "no TLS context: %s", ERR_reason_error_string(ERR_get_error()));
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* Only suites with an AEAD, because others would have to stay with OpenSSL. */
	SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
	if (SSL_CTX_use_certificate_chain_file(ctx, s->certificate) != 1)
		errx(EXIT_USAGE, "--certificate %s holds no usable certificate: %s", s->certificate,
			ERR_reason_error_string(ERR_get_error()));
	if (SSL_CTX_use_PrivateKey_file(ctx, s->private_key, SSL_FILETYPE_PEM) != 1)
		errx(EXIT_USAGE, "--private-key %s is not the certificate's key: %s", s->private_key,
			ERR_reason_error_string(ERR_get_error()));
	return ctx;
}

int setup_signals(void)
{
	sigset_t stops;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	sigprocmask(SIG_BLOCK, &stops, NULL);
	fd = signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		err(EXIT_FAILURE, "signalfd");
	return fd;
}

void setup_no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

time_t setup_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return ts.tv_sec;
}

void setup_report(const struct counts *c)
{
	printf("{\"answered\": %" PRIu64 ", \"peers\": %" PRIu64 ", \"kernel\": %" PRIu64
	       ", \"user\": %" PRIu64 ", \"handshakes_failed\": %" PRIu64 "}\n",
		c->answered, c->peers, c->kernel, c->user, c->handshakes_failed);
}
