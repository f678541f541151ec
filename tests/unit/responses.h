/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OCSP responses of any kind. */
#ifndef UNIT_RESPONSES_H
#define UNIT_RESPONSES_H

#include "support.h"

#include <openssl/ocsp.h>

/* What a response says. */
struct saying {
	int status;       /* V_OCSP_CERTSTATUS_GOOD is 0 */
	long from, until; /* seconds from now; until 0: nothing */
};

struct response {
	uint8_t *der; /* OPENSSL_free() */
	size_t len;
};

/* About a certificate of issuer's, named with that digest, and signed by signer. */
struct response make_response(const struct identity *id, const struct identity *issuer, const EVP_MD *digest,
	const struct identity *signer, struct saying saying);

/* One that is good for an hour, by the issuer. */
struct response make_good_response(const struct identity *id, const struct identity *issuer);

/* Adds an extension of X509V3_EXT_conf_nid()'s kind, and has issuer sign the certificate again. */
void extend(struct identity *id, int nid, const char *value, const struct identity *issuer);

#endif
