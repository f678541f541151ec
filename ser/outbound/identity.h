/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of the connections that SER opened a message may go over. The core finds them by address alone; they
 * are different ones where the script chose another server_id or server_name.
 */
#ifndef SER_OUTBOUND_IDENTITY_H
#define SER_OUTBOUND_IDENTITY_H

#include "ser/outbound/choice.h"
#include "ser/shared/conn.h"

/* Once, before the first fork. Returns 0 or -ENOMEM. */
int identity_prepare(void);

/* The choice for the message that this process is sending. Returns 0, or -1 with a log line. */
int identity_choose(struct connect_choice *choice);

/* Lists a connection until it is closed. */
void identity_add(struct conn *conn);

/* The same, but only where none of its identity to its address is listed. Returns 1, or 0 when one is. */
int identity_add_first(struct conn *conn, const struct connect_choice *choice);

/* Does nothing where it is not listed. */
void identity_remove(struct conn *conn);

int identity_is(const struct conn *conn, const struct connect_choice *choice);

/*
 * For a message that the core was about to write to c, whose write lock is held, but that belongs to another
 * identity: sends it over a connection of that one to the same address, and opens it where there is none.
 * What cannot be sent is lost with a log line: to tell the core would mean to close c.
 */
void identity_send_elsewhere(struct host_tcp_connection *c, const struct connect_choice *choice,
	const char *p, size_t len, unsigned send_flags);

#endif
