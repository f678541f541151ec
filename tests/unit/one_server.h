/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server that any client gets along with, for a whole group of tests. */
#ifndef UNIT_ONE_SERVER_H
#define UNIT_ONE_SERVER_H

#include "support.h"

extern struct identity id;
extern SSL_CTX *server;

/* Make and free both: set-up and clean-up of a group of tests. */
int one_server_prepare(void **state);
int one_server_clean_up(void **state);

#endif
