/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "one_server.h"

struct identity id;
SSL_CTX *server;

int one_server_prepare(void **state)
{
	(void)state;
	id = make_identity("EC", "server", NULL);
	server = server_context(&id, KTLS_VERIFY_NONE, NULL);
	return 0;
}

int one_server_clean_up(void **state)
{
	(void)state;
	SSL_CTX_free(server);
	free_identity(&id);
	return 0;
}
