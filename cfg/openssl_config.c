/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/openssl_config.h"

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

const char *cfg_openssl_config(void)
{
	static char *name; /* for as long as the process lives */

	if (!name)
		name = CONF_get1_default_config_file();
	return name ? name : "openssl.cnf";
}

int cfg_check_openssl(struct cfg_error *e)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	unsigned char byte;
	int works = cipher && RAND_bytes(&byte, 1) == 1;

	EVP_CIPHER_free(cipher);
	ERR_clear_error();
	return works ? 0
		     : cfg_fail(e,
			       "OpenSSL has no algorithms, because its configuration '%s' loads providers "
			       "without the "
			       "one named default (or fips); add default to its section of providers, with "
			       "activate = "
			       "1 (config(5))",
			       cfg_openssl_config());
}
