/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the connection that a message may use among those that SER opened. The core only looks at addresses,
 * but connections also differ by the server_id and server_name that the script chose.
 */
#ifndef SER_OUTBOUND_IDENTITY_H
#define SER_OUTBOUND_IDENTITY_H

#include "ser/outbound/choice.h"
#include "ser/shared/conn.h"

/* Once, before the first fork. Returns 0 or -ENOMEM. */
int identity_prepare(void);

/* Reads the choice for the message that this process is sending. Returns 0, or -1 with a log line. */
int identity_choose(struct connect_choice *choice);

/* Adds a connection to the list until it is closed. */
void identity_add(struct conn *conn);

/*
 * The same, but only if no connection with the same identity and address is listed. Returns 1, or 0 if there
 * is one.
 */
int identity_add_first(struct conn *conn, const struct connect_choice *choice);

/* Removes a connection from the list; does nothing if it is not listed. */
void identity_remove(struct conn *conn);

int identity_is(const struct conn *conn, const struct connect_choice *choice);

/*
 * For a message that the core was about to write to c, whose write lock is held, but that has another
 * identity: sends it over a connection to the same address with that identity, and opens one if there is
 * none. If that fails, the message is lost with a log line, because reporting it to the core would close c.
 */
void identity_send_elsewhere(struct host_tcp_connection *c, const struct connect_choice *choice,
	const char *p, size_t len, unsigned send_flags);

#endif
