/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ktls/ex_data.h"

#include <openssl/ssl.h>

static void free_data(void *ssl, void *ptr, CRYPTO_EX_DATA *data, int index, long argl, void *release)
{
	(void)ssl;
	(void)data;
	(void)index;
	(void)argl;
	if (ptr)
		((void (*)(void *))release)(ptr);
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

int ktls_ex_data_new_index(void (*release)(void *data))
{
	return SSL_get_ex_new_index(0, (void *)release, NULL, copy_nothing, free_data);
}
