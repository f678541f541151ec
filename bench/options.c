/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"

#include "target.h"

#include <err.h>
#include <getopt.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: load MODE --to ADDRESS:PORT [--tls] [option...]\n"
	"  closed   one OPTIONS request outstanding on each connection\n"
	"                                       [--connections 10] [--body BYTES] [--hold]\n"
	"  rate     a constant rate, whatever the server does; latency counts from the moment a request was\n"
	"           meant to be sent   --rate PER_SECOND [--connections 10] [--body BYTES] [--hold]\n"
	"  storm    connect, full handshake, reset, again            [--parallel 20] [--plain-close]\n"
	"  resume   the same with session resumption                 [--parallel 20] [--plain-close]\n"
	"  idle     connections, each asked once and then held; a JSON line when all are up\n"
	"                                        [--connections 1000] [--parallel 16] [--until-eof]\n"
	"  stalled  traffic, then the same traffic beside peers that ask for long answers and never read\n"
	"           [--peers 60] [--peer-rate 20] [--connections 10] [--rate PER_SECOND] [--body BYTES]\n"
	"  restart  connections, each asked once; when standard input ends, the server has ended, and each "
	"is asked\n"
	"           again, over a new one if it is gone; a byte before that says that the server is about to "
	"end\n"
	"           [--connections 1000] [--parallel 16] [--every SECONDS: each is asked again]\n"
	"  mixed    traffic, then the same traffic in a storm\n"
	"           [--parallel 50] [--plain-close] [--connections 10] [--rate PER_SECOND] [--body BYTES]\n"
	"all:       [--seconds 10] [--tls-max 1.2|1.3] [--ciphers LIST] [--ca FILE]\n"
	"--seconds is the length of each phase, for idle how long the connections are held at most, for "
	"restart how\n"
	"long the clients wait for their answers.\n"
	"With --hold a JSON line says that all are connected, and the exchange begins when standard input "
	"ends.\n"
	"stalled and mixed exchange in the closed loop without --rate. --plain-close ends with close_notify "
	"and\n"
	"close() in place of the reset. ADDRESS is a loopback one (127.0.0.1:5061 or [::1]:5061).\n"
	"One JSON object on stdout, progress on stderr.\n";

#define IN(mode) (1u << (mode))

enum {
	ALL = IN(MODES) - 1,
	TRAFFIC = IN(MODE_CLOSED) | IN(MODE_RATE) | IN(MODE_STALLED) | IN(MODE_MIXED),
	CROWDS = IN(MODE_IDLE) | IN(MODE_RESTART),
	HANDSHAKES = IN(MODE_STORM) | IN(MODE_RESUME) | IN(MODE_MIXED),
};

static const struct option long_options[] = {
	{"to", required_argument, NULL, 't'},
	{"tls", no_argument, NULL, 'e'},
	{"connections", required_argument, NULL, 'c'},
	{"parallel", required_argument, NULL, 'p'},
	{"peers", required_argument, NULL, 'n'},
	{"peer-rate", required_argument, NULL, 'o'},
	{"rate", required_argument, NULL, 'r'},
	{"seconds", required_argument, NULL, 's'},
	{"every", required_argument, NULL, 'v'},
	{"body", required_argument, NULL, 'b'},
	{"tls-max", required_argument, NULL, 'm'},
	{"ciphers", required_argument, NULL, 'l'},
	{"ca", required_argument, NULL, 'a'},
	{"plain-close", no_argument, NULL, 'x'},
	{"until-eof", no_argument, NULL, 'u'},
	{"hold", no_argument, NULL, 'i'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct {
	const char *name;
	int connections;
	int parallel;
} modes[MODES] = {
	[MODE_CLOSED] = {"closed", 10, 0},
	[MODE_RATE] = {"rate", 10, 0},
	[MODE_STORM] = {"storm", 0, 20},
	[MODE_RESUME] = {"resume", 0, 20},
	[MODE_IDLE] = {"idle", 1000, 16},
	[MODE_STALLED] = {"stalled", 10, 0},
	[MODE_MIXED] = {"mixed", 10, 50},
	[MODE_RESTART] = {"restart", 1000, 16},
};

/* In which modes an option is allowed, and which numbers it takes. */
static const struct {
	int option;
	unsigned modes;
	int low, high;
} rules[] = {
	{'c', TRAFFIC | CROWDS, 1, CLIENTS_MAX},
	{'p', HANDSHAKES | CROWDS, 1, CLIENTS_MAX},
	{'n', IN(MODE_STALLED), 1, CLIENTS_MAX},
	{'o', IN(MODE_STALLED), 1, 1000},
	{'r', TRAFFIC & ~IN(MODE_CLOSED), 1, RATE_MAX},
	{'s', ALL, 1, SECONDS_MAX},
	{'v', IN(MODE_RESTART), 1, SECONDS_MAX},
	{'b', TRAFFIC, 0, BODY_MAX},
	{'x', HANDSHAKES, 0, 0},
	{'u', IN(MODE_IDLE), 0, 0},
	{'i', IN(MODE_CLOSED) | IN(MODE_RATE), 0, 0},
};

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
	for (int i = 0; i < MODES; i++) {
		if (strcmp(text, modes[i].name) != 0)
			continue;
		o->mode = (enum mode)i;
		o->mode_name = modes[i].name;
		o->connections = modes[i].connections;
		o->parallel = modes[i].parallel;
		return;
	}
	errx(EXIT_USAGE, "The first word must be a mode, not '%s'; see --help.", text);
}

static const char *name_of(int option)
{
	const struct option *o = long_options;

	while (o->val != option)
		o++;
	return o->name;
}

/* Checks that the mode has this option. Returns the option's number, or 0 for an option without one. */
static int checked(const struct options *o, int option)
{
	char name[32];

	snprintf(name, sizeof(name), "--%s", name_of(option));
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		if (rules[i].option != option)
			continue;
		if (!(rules[i].modes & IN(o->mode)))
			errx(EXIT_USAGE, "%s does not belong to the mode %s; see --help.", name,
				o->mode_name);
		int high = option == 'c' && IN(o->mode) & CROWDS ? IDLE_MAX : rules[i].high;
		return high ? option_number(name, optarg, rules[i].low, high) : 0;
	}
	return 0;
}

static void parse_option(struct options *o, int option)
{
	int number = option == '?' || option == 'h' ? 0 : checked(o, option);

	switch (option) {
	case 't':
		target_parse(o, optarg);
		break;
	case 'e':
		o->tls = true;
		break;
	case 'c':
		o->connections = number;
		break;
	case 'p':
		o->parallel = number;
		break;
	case 'n':
		o->peers = number;
		break;
	case 'o':
		o->peer_rate = number;
		break;
	case 'r':
		o->rate = number;
		break;
	case 's':
		o->seconds = number;
		break;
	case 'v':
		o->every = number;
		break;
	case 'b':
		o->body = number;
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
	case 'x':
		o->plain_close = true;
		break;
	case 'u':
		o->until_eof = true;
		break;
	case 'i':
		o->hold = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(EXIT_SUCCESS);
	default:
		fputs(usage, stderr);
		exit(EXIT_USAGE);
	}
}

static void check_together(const struct options *o)
{
	if (!o->to_length)
		errx(EXIT_USAGE, "--to is missing.");
	if (!o->tls && (o->ciphers || o->ca))
		errx(EXIT_USAGE, "--ciphers and --ca need --tls.");
	if (!o->tls && o->mode == MODE_RESUME)
		errx(EXIT_USAGE, "resume needs --tls.");
	if (!o->rate && o->mode == MODE_RATE)
		errx(EXIT_USAGE, "rate needs --rate, the messages per second.");
}

void options_parse(struct options *o, int argc, char **argv)
{
	int option;

	memset(o, 0, sizeof(*o));
	o->seconds = 10;
	o->peers = 60;
	o->peer_rate = 20;
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
	check_together(o);
}
