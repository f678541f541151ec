/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks what an engine says (ser/shared/messages.h). An engine meets every stranger's bytes and may be taken
 * over, so nothing that it sends is believed before this has looked at it. Nothing here allocates or logs.
 */
#ifndef SER_SUPERVISOR_ENGINE_MESSAGE_H
#define SER_SUPERVISOR_ENGINE_MESSAGE_H

#include "cfg/set.h"
#include "ser/shared/messages.h"

#include <stddef.h>

/* What an engine's numbers may be. */
struct engine_message_limits {
	unsigned listeners;        /* how many there are */
	const struct cfg_set *set; /* what it works with */
};

union engine_message {
	uint32_t kind;
	struct message_plain plain;
	struct message_established established;
	struct message_failed failed;
	struct message_log log;
	char bytes[MESSAGE_MAX];
};

/*
 * Whether the size bytes of *m, which came with descriptors (0 to 2) of which fd is the first, are a message
 * that an engine may send. Texts that it passes end with a NUL inside the message and hold nothing that could
 * forge a line of the log: other characters become '?'. Returns NULL, or a phrase that says what is wrong.
 */
const char *engine_message_check(union engine_message *m, size_t size, unsigned descriptors, int fd,
	const struct engine_message_limits *limits);

#endif
