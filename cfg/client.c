/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/client.h"

#include "ktls/name.h"

#include <errno.h>
#include <string.h>

const char *cfg_client_name(const struct cfg_domain *d, const char *server_name)
{
	if (server_name && *server_name)
		return server_name;
	return d->server_name_mode == CFG_NAME_SUBDOMAINS ? NULL : d->server_name;
}

/* Strips the final dot or the brackets. Returns what ktls_name_kind() returns. */
static int clean(const char *name, char out[KTLS_NAME_MAX + 1])
{
	size_t len = strlen(name);

	if (len > 2 && name[0] == '[' && name[len - 1] == ']') {
		name++;
		len -= 2;
	} else if (len && name[len - 1] == '.') {
		len--;
	}
	if (len > KTLS_NAME_MAX)
		return -EINVAL;
	memcpy(out, name, len);
	out[len] = '\0';
	return ktls_name_kind(out);
}

int cfg_client_prepare(SSL *ssl, const struct cfg_domain *d, const char *server_name)
{
	const char *wanted = cfg_client_name(d, server_name);
	char name[KTLS_NAME_MAX + 1];
	int is_address;

	if (!wanted)
		return 0;
	is_address = clean(wanted, name);
	if (is_address < 0)
		return is_address;
	if (!is_address && SSL_set_tlsext_host_name(ssl, name) != 1)
		return -ENOMEM;
	if (!d->verify_name || cfg_domain_verify(d) < KTLS_VERIFY_OPTIONAL)
		return 0;
	return ktls_name_require(ssl, name, d->verify_name_wildcard);
}
