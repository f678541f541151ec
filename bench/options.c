/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: load closed --to ADDRESS:PORT [--tls] [--connections 10] [--seconds 10] [--body BYTES]\n"
	"       load storm  --to ADDRESS:PORT [--parallel 20] [--seconds 10] [--resume] [--plain-close]\n"
	"both:  [--tls-max 1.2|1.3] [--ciphers LIST] [--ca FILE]\n"
	"closed: one OPTIONS request outstanding on each connection, every answer checked\n"
	"storm:  connect, full TLS handshake, reset, again; --resume resumes sessions,\n"
	"        --plain-close ends with close_notify and close() in place of the reset\n"
	"ADDRESS is a loopback one (127.0.0.1:5061 or [::1]:5061). One JSON object on stdout.\n";

static const struct option long_options[] = {
	{"to", required_argument, NULL, 't'},
	{"tls", no_argument, NULL, 'e'},
	{"connections", required_argument, NULL, 'c'},
	{"parallel", required_argument, NULL, 'p'},
	{"seconds", required_argument, NULL, 's'},
	{"body", required_argument, NULL, 'b'},
	{"tls-max", required_argument, NULL, 'm'},
	{"ciphers", required_argument, NULL, 'l'},
	{"ca", required_argument, NULL, 'a'},
	{"resume", no_argument, NULL, 'r'},
	{"plain-close", no_argument, NULL, 'x'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int number(const char *name, const char *text, int low, int high)
{
	char *end;

	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < low || value > high)
		errx(EXIT_USAGE, "%s must be a number from %d to %d, not '%s'.", name, low, high, text);
	return (int)value;
}

static bool is_loopback(const struct sockaddr_storage *to)
{
	if (to->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)to)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)to)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool set_address(struct options *o, const char *host, bool bracketed, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&o->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&o->to;

	if (bracketed && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		o->to_length = sizeof(*v6);
		return true;
	}
	if (!bracketed && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		o->to_length = sizeof(*v4);
		return true;
	}
	return false;
}

static void parse_target(struct options *o, const char *text)
{
	char host[INET6_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	bool bracketed = text[0] == '[';
	const char *start = text + bracketed;
	const char *end = bracketed ? strchr(text, ']') : colon;

	if (!colon || !end || (bracketed && colon != end + 1) || (size_t)(end - start) >= sizeof(host))
		errx(EXIT_USAGE, "--to must read like 127.0.0.1:5061 or [::1]:5061, not '%s'.", text);
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	int port = number("the port of --to", colon + 1, 1, 65535);
	if (!set_address(o, host, bracketed, (uint16_t)port))
		errx(EXIT_USAGE,
			"--to must hold a numeric IPv4 address or an IPv6 address in brackets, not '%s'.",
			text);
	if (!is_loopback(&o->to))
		errx(EXIT_USAGE, "--to must be a loopback address (127.0.0.0/8 or ::1), '%s' is not.", text);
	snprintf(o->to_text, sizeof(o->to_text), bracketed ? "[%s]:%d" : "%s:%d", host, port);
}

static int tls_version(const char *text)
{
	if (strcmp(text, "1.2") == 0)
		return TLS1_2_VERSION;
	if (strcmp(text, "1.3") == 0)
		return TLS1_3_VERSION;
	errx(EXIT_USAGE, "--tls-max must be 1.2 or 1.3, not '%s'.", text);
}

static void parse_mode(struct options *o, const char *text)
{
	if (strcmp(text, "closed") == 0) {
		o->mode = MODE_CLOSED;
		o->clients = 10;
	} else if (strcmp(text, "storm") == 0) {
		o->mode = MODE_STORM;
		o->clients = 20;
		o->tls = true;
	} else {
		errx(EXIT_USAGE, "The first word must be closed or storm, not '%s'; see --help.", text);
	}
}

static void only_in(const struct options *o, enum mode mode, const char *name)
{
	if (o->mode != mode)
		errx(EXIT_USAGE, "%s belongs to %s only.", name, mode == MODE_CLOSED ? "closed" : "storm");
}

static void parse_option(struct options *o, int option)
{
	switch (option) {
	case 't':
		parse_target(o, optarg);
		break;
	case 'e':
		o->tls = true;
		break;
	case 'c':
		only_in(o, MODE_CLOSED, "--connections");
		o->clients = number("--connections", optarg, 1, CLIENTS_MAX);
		break;
	case 'p':
		only_in(o, MODE_STORM, "--parallel");
		o->clients = number("--parallel", optarg, 1, CLIENTS_MAX);
		break;
	case 's':
		o->seconds = number("--seconds", optarg, 1, SECONDS_MAX);
		break;
	case 'b':
		only_in(o, MODE_CLOSED, "--body");
		o->body = number("--body", optarg, 0, BODY_MAX);
		break;
	case 'm':
		o->tls_max = tls_version(optarg);
		break;
	case 'l':
		o->ciphers = optarg;
		break;
	case 'a':
		o->ca = optarg;
		break;
	case 'r':
		only_in(o, MODE_STORM, "--resume");
		o->resume = true;
		break;
	case 'x':
		only_in(o, MODE_STORM, "--plain-close");
		o->plain_close = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(EXIT_SUCCESS);
	default:
		fputs(usage, stderr);
		exit(EXIT_USAGE);
	}
}

void options_parse(struct options *o, int argc, char **argv)
{
	int option;

	memset(o, 0, sizeof(*o));
	o->seconds = 10;
	o->tls_max = TLS1_3_VERSION;
	if (argc >= 2 && strcmp(argv[1], "--help") == 0)
		parse_option(o, 'h');
	if (argc < 2)
		parse_option(o, '?');
	parse_mode(o, argv[1]);
	optind = 2;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		parse_option(o, option);
	if (optind != argc)
		errx(EXIT_USAGE, "'%s' is one word too many.", argv[optind]);
	if (!o->to_length)
		errx(EXIT_USAGE, "--to is missing.");
	if (!o->tls && (o->ciphers || o->ca))
		errx(EXIT_USAGE, "--ciphers and --ca need --tls.");
}
