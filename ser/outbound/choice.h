/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the script of this process chose for the connection that its next message goes over. */
#ifndef SER_OUTBOUND_CHOICE_H
#define SER_OUTBOUND_CHOICE_H

#include "ser/host/layout.h"
#include "ser/shared/messages.h"

/* xavp_cfg: the parameter, which stays the caller's; NULL where it is not set. */
void choice_prepare(const char *xavp_cfg);

/*
 * Reads the choice: server_id and server_name of the xavp, or the id of tls_set_connect_server_id(), which is
 * good for one message and forgotten here. Returns 0, or -1 with a log line when one is too long.
 */
int choice_take(struct connect_choice *choice);

/* For tls_set_connect_server_id(). Returns 0, or -ENOMEM. */
int choice_set_server_id(const struct host_str *id);

#endif
