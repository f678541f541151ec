/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What selects, variables and functions have in common: a question about the connection of a message. */
#ifndef SER_SCRIPT_ANSWERS_H
#define SER_SCRIPT_ANSWERS_H

#include "select/answer.h"
#include "ser/host/layout.h"

enum {
	ANSWERS_KEPT = 8,
};

/*
 * Answers, with a NUL behind it, into memory of this process that stays as it is for the next ANSWERS_KEPT -
 * 1 answers. Returns 0, or -1 where the value is null. Says nothing in the log; about the lock that it may
 * take see host_conn_of_message().
 */
int answer_for_message(const struct host_sip_msg *msg, const struct question *q, struct host_str *value);

#endif
