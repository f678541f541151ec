/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/ex_data.h"

#include <openssl/ssl.h>
#include <stdlib.h>

static void free_data(void *ssl, void *ptr, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	(void)ssl;
	(void)data;
	(void)index;
	(void)argl;
	(void)argp;
	free(ptr);
}

/* Otherwise the copy would free what belongs to the original. */
static int copy_nothing(
	CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **data, int index, long argl, void *argp)
{
	(void)to;
	(void)from;
	(void)index;
	(void)argl;
	(void)argp;
	*data = NULL;
	return 1;
}

int ktls_ex_data_new_index(void)
{
	return SSL_get_ex_new_index(0, NULL, NULL, copy_nothing, free_data);
}
