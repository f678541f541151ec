/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What selects, variables and functions share: answering a question about a message's connection. */
#ifndef SER_SCRIPT_ANSWER_FOR_MESSAGE_H
#define SER_SCRIPT_ANSWER_FOR_MESSAGE_H

#include "select/answer.h"
#include "ser/host/layout.h"

enum {
	ANSWERS_KEPT = 8,
};

/*
 * Writes the answer, with a NUL after it, into memory of this process that stays valid for the next
 * ANSWERS_KEPT - 1 answers. Returns 0, or -1 if the value is null. Logs nothing. For the lock that it may
 * take see host_conn_of_message().
 */
int answer_for_message(const struct host_sip_msg *msg, const struct question *q, struct host_str *value);

#endif
