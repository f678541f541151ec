/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "people.h"

struct people people;

int people_prepare(void **state)
{
	(void)state;
	people.server = make_identity("EC", "server", NULL);
	people.ca = make_identity("EC", "authority", NULL);
	people.known = make_identity("EC", "known", &people.ca);
	people.stranger = make_identity("EC", "stranger", NULL);
	return 0;
}

int people_clean_up(void **state)
{
	(void)state;
	free_identity(&people.server);
	free_identity(&people.ca);
	free_identity(&people.known);
	free_identity(&people.stranger);
	return 0;
}
