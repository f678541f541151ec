/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has certificates where clients may show theirs. */
#ifndef UNIT_PEOPLE_H
#define UNIT_PEOPLE_H

#include "support.h"

extern struct people {
	struct identity server, ca;
	struct identity known;    /* to the CA */
	struct identity stranger; /* signed by nobody but itself */
} people;

/* Make and free them: set-up and clean-up of a group of tests. */
int people_prepare(void **state);
int people_clean_up(void **state);

#endif
