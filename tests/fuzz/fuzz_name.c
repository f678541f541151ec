/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose a certificate is, of whatever the input makes of one. */
#include "fuzz.h"

#include "ktls/name.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>

static const char *const names[] = {"a.example", "sip.a.example", "192.0.2.1", "2001:db8::1"};

static void check(X509 *cert, const char *name, int wildcards)
{
	char why[KTLS_NAME_REFUSAL_MAX];
	int rc = ktls_name_check(cert, name, wildcards, why);

	REQUIRE(rc == 0 || rc == -ENOENT);
	REQUIRE((rc == -ENOENT) == (why[0] != '\0'));
	REQUIRE(strlen(why) < sizeof(why));
	for (const char *p = why; *p; p++)
		REQUIRE(isprint((unsigned char)*p));
	REQUIRE(!ERR_peek_error());
	/* What is good for nobody with wildcards is so without them. */
	if (rc && wildcards)
		REQUIRE(ktls_name_check(cert, name, 0, why) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *p = data;
	X509 *cert = d2i_X509(NULL, &p, (long)len);
	char name[KTLS_NAME_MAX + 2];

	ERR_clear_error();
	for (unsigned i = 0; cert && i < 8; i++)
		check(cert, names[i / 2], i % 2);
	X509_free(cert);
	snprintf(name, sizeof(name), "%.*s", (int)len, (const char *)data);
	REQUIRE(ktls_name_kind(name) >= -EINVAL && ktls_name_kind(name) <= 1);
	return 0;
}
