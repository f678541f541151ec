/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The script's choice of client domain and server name for the connection of its next message. */
#ifndef SER_OUTBOUND_CHOICE_H
#define SER_OUTBOUND_CHOICE_H

#include "ser/host/layout.h"
#include "ser/shared/messages.h"

/* xavp_cfg is the parameter, which must stay; NULL if it is not set. */
void choice_prepare(const char *xavp_cfg);

/*
 * Reads the choice: server_id and server_name from the xavp, or else the id from tls_set_connect_server_id(),
 * which is for one message and is forgotten here. Returns 0, or -1 with a log line if one is too long.
 */
int choice_take(struct connect_choice *choice);

/* For tls_set_connect_server_id(). Returns 0 or -ENOMEM. */
int choice_set_server_id(const struct host_str *id);

#endif
