/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/openssl_config.h"

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <strings.h>

const char *cfg_openssl_config(void)
{
	static char *name; /* for as long as the process lives */

	if (!name)
		name = CONF_get1_default_config_file();
	return name ? name : "openssl.cnf";
}

/* ssl_conf(5): a name may have a prefix, up to a dot, which has no meaning. */
static int is_groups(const char *name)
{
	const char *dot = strrchr(name, '.');

	name = dot ? dot + 1 : name;
	return !strcasecmp(name, "Groups") || !strcasecmp(name, "Curves");
}

/* In the section that the name leads to, from section to section. */
static const char *follow(const CONF *conf, const char *section, const char *name)
{
	return section ? NCONF_get_string(conf, section, name) : NULL;
}

static int says_groups(const CONF *conf)
{
	const char *section = follow(conf, "default", "openssl_conf");
	STACK_OF(CONF_VALUE) * values;

	section = follow(conf, section, "ssl_conf");
	section = follow(conf, section, "system_default");
	values = section ? NCONF_get_section(conf, section) : NULL;
	for (int i = 0; i < sk_CONF_VALUE_num(values); i++)
		if (is_groups(sk_CONF_VALUE_value(values, i)->name))
			return 1;
	return 0;
}

int cfg_openssl_says_groups(void)
{
	static int known, says; /* what OpenSSL itself has read is as old as the process, too */
	CONF *conf = known ? NULL : NCONF_new(NULL);

	if (conf && NCONF_load(conf, cfg_openssl_config(), NULL) == 1)
		says = says_groups(conf);
	known = 1;
	NCONF_free(conf);
	ERR_clear_error();
	return says;
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
