/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A SIP load generator over TCP and TLS, for loopback targets only. */
#include "modes.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
	OTHER_FILES = 32
};

static bool (*const runs[MODES])(const struct options *) = {
	[MODE_CLOSED] = exchange_run,
	[MODE_RATE] = exchange_run,
	[MODE_STORM] = storm_run,
	[MODE_RESUME] = storm_run,
	[MODE_IDLE] = idle_run,
	[MODE_STALLED] = stalled_run,
	[MODE_MIXED] = mixed_run,
	[MODE_RESTART] = restart_run,
};

static void allow_files(const struct options *o)
{
	bool alone = o->mode == MODE_IDLE || o->mode == MODE_RESTART;
	rlim_t wanted = (rlim_t)(o->connections + (alone ? 0 : o->parallel + o->peers) + OTHER_FILES);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		err(EXIT_FAILURE, "getrlimit");
	if (limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted;
	if (limit.rlim_max < wanted)
		limit.rlim_max = wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		errx(EXIT_FAILURE,
			"So many connections need %lu open files, which the limit forbids (%s): raise it "
			"with ulimit -n.",
			(unsigned long)wanted, strerror(errno));
}

int main(int argc, char **argv)
{
	struct options options;

	options_parse(&options, argc, argv);
	allow_files(&options);
	return runs[options.mode](&options) ? EXIT_SUCCESS : EXIT_FAILURE;
}
