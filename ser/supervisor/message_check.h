/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks an engine's messages (ser/shared/messages.h). An engine reads every stranger's bytes and may be
 * taken over, so nothing that it sends is trusted before it was checked here. Nothing here allocates memory
 * or logs.
 */
#ifndef SER_SUPERVISOR_MESSAGE_CHECK_H
#define SER_SUPERVISOR_MESSAGE_CHECK_H

#include "cfg/set.h"
#include "ser/shared/messages.h"
#include "uring/pass_fd.h"

#include <stddef.h>

struct engine_process;

/* What an engine process may say now. */
struct engine_message_limits {
	unsigned listeners;        /* how many there are */
	const struct cfg_set *set; /* the set that it works with */
	uint32_t on_the_way;       /* connections that it has counted (scoreboard_on_the_way()) */
	int may_stop;              /* it was told to retire, and has not said yet that it has stopped */
	int logs_keys;             /* there is a key log */
	/* Whether it has that order and has not answered it yet. */
	int (*has_order)(const struct engine_process *p, uint32_t order);
	const struct engine_process *process; /* for has_order() */
};

union engine_message {
	uint32_t kind;
	struct message_plain plain;
	struct message_established established;
	struct message_failed failed;
	struct message_log log;
	struct message_keys keys;
	char bytes[MESSAGE_MAX];
};

/*
 * Checks that the size bytes of *m are a message that an engine may send now, and that the descriptors from
 * uring_take_fds() are those that belong to it. Texts that pass end with a NUL inside the message and hold
 * nothing that could forge a log line: other characters become '?'. Returns NULL, or a phrase that says what
 * is wrong.
 *
 * kind          when                       descriptors
 * ESTABLISHED   after it was counted;      one stream socket, which may have lost its connection, never waits
 *               once for each order        and sends no signals
 * FAILED        once for each order        none
 * STOPPED       once, after RETIRE         none
 * LOG           at any time                none
 * KEYS          if there is a key log      none
 */
const char *engine_message_check(union engine_message *m, size_t size, const int fds[URING_PASS_MAX],
	const struct engine_message_limits *limits);

/*
 * Makes size bytes from an engine a text for the log: ends it with a NUL, and replaces other characters than
 * printable ones by '?'.
 */
void engine_message_clean(char *text, size_t size);

#endif
