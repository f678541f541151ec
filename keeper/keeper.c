/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ser-ktls-keeper: holds TLS connections while SER restarts. A SER that ends leaves them here, with all that
 * it knows of them (ser/shared/kept.h), and the next one takes them back. What nobody takes in time is ended.
 */
#include "keeper/place.h"
#include "keeper/store.h"
#include "keeper/visitors.h"
#include "ktls/clock.h"
#include "ser/shared/log.h"
#include "ser/shared/services.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

enum {
	DEFAULT_SECONDS = 120,
	DEFAULT_MAX = 100000,
	OWN_DESCRIPTORS = 32, /* visitors, the log, what comes with a message */
	SECONDS_MAX = 24 * 60 * 60,
};

struct wishes {
	unsigned seconds, max; /* max 0: none was named */
	const char *path;
};

static volatile sig_atomic_t ending;

static void on_signal(int sig)
{
	(void)sig;
	ending = 1;
}

/* The journal takes a level of syslog's in front of a line: sd-daemon(3). */
static void write_line(const struct log_place *place, int level, const char *text)
{
	(void)place;
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s\n", LOG_WARNING + level - LOG_LEVEL_WARNING, text);
	else
		fprintf(stderr, "ser-ktls-keeper: %s\n", text);
}

static int usage(void)
{
	fprintf(stderr, "usage: ser-ktls-keeper [--seconds N] [--max N] SOCKET\n");
	return 2;
}

/* Returns 0, or -1 with a sentence in the log. */
static int read_number(const char *name, const char *text, unsigned max, unsigned *number)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || !value || value > max) {
		ser_log(LOG_LEVEL_ERROR, "--%s is a number from 1 to %u, not \"%s\"", name, max, text);
		return -1;
	}
	*number = (unsigned)value;
	return 0;
}

static int read_wishes(struct wishes *w, int argc, char *argv[])
{
	static const struct option names[] = {
		{"seconds", required_argument, NULL, 's'}, {"max", required_argument, NULL, 'm'}, {0}};
	int name;

	*w = (struct wishes){.seconds = DEFAULT_SECONDS};
	while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (name == 's' && read_number("seconds", optarg, SECONDS_MAX, &w->seconds))
			return 2;
		if (name == 'm' && read_number("max", optarg, INT32_MAX, &w->max))
			return 2;
		if (name != 's' && name != 'm')
			return usage();
	}
	if (optind + 1 != argc)
		return usage();
	w->path = argv[optind];
	return 0;
}

/* How many connections the limit of open files has room for, once it is as high as it may be. */
static unsigned descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) || getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	if (limit.rlim_cur <= OWN_DESCRIPTORS)
		return 0;
	return limit.rlim_cur - OWN_DESCRIPTORS < INT32_MAX ? (unsigned)limit.rlim_cur - OWN_DESCRIPTORS
							    : INT32_MAX;
}

static unsigned choose_max(const struct wishes *w)
{
	unsigned wanted = w->max ? w->max : DEFAULT_MAX, possible = descriptors();

	if (w->max > possible)
		ser_log(LOG_LEVEL_WARNING,
			"--max is %u, but there are descriptors for %u connections only: raise the limit of "
			"open files (LimitNOFILE, ulimit -n)",
			w->max, possible);
	return wanted < possible ? wanted : possible;
}

/* Record keys lie in this process's memory: no dump may have them, and no other process may look. */
static void hide_memory(void)
{
	const struct rlimit none = {0, 0};

	if (prctl(PR_SET_DUMPABLE, 0) || setrlimit(RLIMIT_CORE, &none))
		ser_log(LOG_LEVEL_WARNING, "a dump of this process may have record keys in it: %s",
			strerror(errno));
}

/* Signals arrive only while the loop waits. */
static sigset_t take_signals(void)
{
	struct sigaction end = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
	sigset_t blocked, before;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	sigdelset(&before, SIGTERM);
	sigdelset(&before, SIGINT);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGPIPE, &ignore, NULL); /* the log's reader may go */
	return before;
}

static void wait_for(struct pollfd *pfds, nfds_t count, int wait_ms, const sigset_t *signals)
{
	const struct timespec timeout = {wait_ms / 1000, wait_ms % 1000 * 1000000L};

	if (ppoll(pfds, count, wait_ms < 0 ? NULL : &timeout, signals) < 0)
		for (nfds_t i = 0; i < count; i++)
			pfds[i].revents = 0;
}

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void run(struct store *store, int listener, const sigset_t *signals)
{
	struct pollfd pfds[VISITORS_MAX + 1];
	struct visitors visitors;

	visitors_init(&visitors, store);
	while (!ending) {
		int64_t now = ktls_clock_ms();
		unsigned ended = store_end_due(store, now);

		if (ended)
			ser_log(LOG_LEVEL_WARNING,
				"connections that were ended, because no SER took them back within %u "
				"seconds: %u",
				(unsigned)(store->lifetime_ms / 1000), ended);
		pfds[VISITORS_MAX] = (struct pollfd){.fd = listener, .events = POLLIN};
		wait_for(pfds, VISITORS_MAX + 1,
			sooner(visitors_poll(&visitors, pfds, now), store_wait_ms(store, now)), signals);
		visitors_serve(&visitors, pfds);
		if (pfds[VISITORS_MAX].revents)
			visitors_accept(&visitors, listener);
	}
}

int main(int argc, char *argv[])
{
	struct store store;
	struct wishes w;
	sigset_t signals;
	int listener, rc;

	services.log = write_line;
	rc = read_wishes(&w, argc, argv);
	if (rc)
		return rc;
	hide_memory();
	signals = take_signals();
	store_init(&store, choose_max(&w), w.seconds);
	listener = place_open(w.path);
	if (listener < 0)
		return 1;
	ser_log(LOG_LEVEL_NOTICE, "ready at %s: up to %u connections, each for up to %u seconds", w.path,
		store.max, w.seconds);
	run(&store, listener, &signals);
	unlink(w.path);
	ser_log(LOG_LEVEL_NOTICE, "the keeper ends, and connections that were here: %u",
		store_end_all(&store));
	return 0;
}
