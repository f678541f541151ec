/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every suite whose keys we can have, with every certificate that goes with it. */
#ifndef UNIT_SCENARIO_H
#define UNIT_SCENARIO_H

#include "support.h"

extern struct identity scenario_rsa, scenario_ec; /* servers */

struct scenario {
	int version;
	const char *suite;
	const struct identity *id;
	enum ktls_aead aead;
};

enum {
	SCENARIOS = 17,
};

extern const struct scenario scenarios[SCENARIOS];

/* Make and free the identities: set-up and clean-up of a group of tests. */
int scenario_prepare(void **state);
int scenario_clean_up(void **state);

/* The key is the scenario's, and its next record has the number seq. */
void scenario_check_key(const struct scenario *s, const struct ktls_key *k, uint64_t seq);

#endif
