/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cfg/domain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int set_default_path(char **path, const char *main_config, const char *name)
{
	if (!*path)
		*path = cfg_resolve_path(main_config, name);
	return *path ? 0 : -ENOMEM;
}

int cfg_domain_defaults(struct cfg_domain *d, const char *main_config)
{
	if (!d->versions.min)
		d->versions = (struct cfg_versions){TLS1_2_VERSION, TLS1_3_VERSION};
	if (set_default_path(&d->certificate, main_config, "cert.pem"))
		return -ENOMEM;
	/* The key may stand behind the certificate in one file. */
	return set_default_path(&d->private_key, NULL, d->certificate);
}

void cfg_domain_clear(struct cfg_domain *d)
{
	free(d->certificate);
	free(d->private_key);
	free(d->ca_list);
	free(d->cipher_list);
	memset(d, 0, sizeof(*d));
}

enum ktls_verify cfg_domain_verify(const struct cfg_domain *d)
{
	if (d->require_certificate)
		return KTLS_VERIFY_REQUIRE;
	return d->verify_certificate ? KTLS_VERIFY_OPTIONAL : KTLS_VERIFY_NONE;
}
