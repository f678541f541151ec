/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks an engine's messages (ser/shared/messages.h). An engine reads every stranger's bytes and may be
 * taken over, so nothing that it sends is trusted before it was checked here. Nothing here allocates memory
 * or logs.
 */
#ifndef SER_SUPERVISOR_ENGINE_MESSAGE_H
#define SER_SUPERVISOR_ENGINE_MESSAGE_H

#include "cfg/set.h"
#include "ser/shared/messages.h"

#include <stddef.h>

/* The limits for numbers from an engine. */
struct engine_message_limits {
	unsigned listeners;        /* how many there are */
	const struct cfg_set *set; /* the set that it works with */
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
 * Checks that the size bytes of *m are a message that an engine may send. They came with `descriptors`
 * descriptors (0 to 2), of which fd is the first. Texts that pass end with a NUL inside the message and hold
 * nothing that could forge a log line: other characters become '?'. Returns NULL, or a phrase that says what
 * is wrong.
 */
const char *engine_message_check(union engine_message *m, size_t size, unsigned descriptors, int fd,
	const struct engine_message_limits *limits);

#endif
