/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A SIP load generator over TCP and TLS, for loopback targets only. */
#include "modes.h"

#include <stdlib.h>

static int exit_status(const struct tally *t, enum mode mode)
{
	if (t->done == 0)
		return EXIT_FAILURE;
	return mode == MODE_CLOSED && tally_errors(t) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static struct tally tally;
	struct options options;

	options_parse(&options, argc, argv);
	if (options.mode == MODE_CLOSED)
		closed_run(&options, &tally);
	else
		storm_run(&options, &tally);
	if (!report_json(&tally, &options))
		return EXIT_FAILURE;
	return exit_status(&tally, options.mode);
}
