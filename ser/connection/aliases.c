/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/connection/aliases.h"

#include "ser/host/connections.h"
#include "uring/deadline.h"

#include <stdlib.h>
#include <string.h>

enum {
	LOOK_MS = 50,
	LOOKS = 100, /* then tcp_main has not taken the connection */
};

struct ports_of {
	struct uring_deadline look; /* the first member */
	int id;
	unsigned looks, count;
	uint16_t ports[];
};

static struct uring_deadlines looks;

static int look(struct uring_deadline *d)
{
	struct ports_of *w = (struct ports_of *)d;

	if (!host_knows_connection(w->id) && ++w->looks < LOOKS) {
		uring_deadline_set(&looks, &w->look, LOOK_MS);
		return 0;
	}
	if (w->looks < LOOKS)
		for (unsigned i = 0; i < w->count; i++)
			tcpconn_add_alias(w->id, w->ports[i], HOST_PROTO_TLS);
	free(w);
	return 0;
}

void aliases_init(struct uring_loop *loop)
{
	uring_deadlines_init(&looks, loop, look);
}

void aliases_restore(int id, const uint16_t *ports, unsigned count)
{
	struct ports_of *w = count ? calloc(1, sizeof(*w) + count * sizeof(*ports)) : NULL;

	if (!w)
		return;
	w->id = id;
	w->count = count;
	memcpy(w->ports, ports, count * sizeof(*ports));
	uring_deadline_set(&looks, &w->look, LOOK_MS);
}
