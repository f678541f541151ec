/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client of TLS 1.3 beside that server, for a whole group of tests. */
#ifndef UNIT_ONE_CLIENT_H
#define UNIT_ONE_CLIENT_H

#include "one_server.h"

extern SSL_CTX *client;

/* Make and free both: set-up and clean-up of a group of tests. */
int one_client_prepare(void **state);
int one_client_clean_up(void **state);

#endif
