/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "one_client.h"

SSL_CTX *client;

int one_client_prepare(void **state)
{
	int rc = one_server_prepare(state);

	client = client_context(TLS1_3_VERSION, NULL);
	return rc;
}

int one_client_clean_up(void **state)
{
	SSL_CTX_free(client);
	return one_server_clean_up(state);
}
