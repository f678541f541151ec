/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether an OCSP response (RFC 6960) says that a certificate is good, now. Internal to the library's
 * folders.
 */
#ifndef KTLS_OCSP_H
#define KTLS_OCSP_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

enum {
	KTLS_OCSP_MAX = 16 * 1024, /* bytes of a response; one with its signer's certificate has some 2 KB */
	KTLS_OCSP_EARLY = 300,     /* seconds by which the responder's clock may be ahead of ours */
	KTLS_OCSP_WHY = 200,       /* room for a phrase of this file */
};

enum ktls_ocsp_verdict {
	KTLS_OCSP_GOOD,
	KTLS_OCSP_UNREADABLE, /* longer than KTLS_OCSP_MAX, or no response in DER */
	KTLS_OCSP_NO_STATUS,  /* the responder says why it gives none */
	KTLS_OCSP_FOREIGN,    /* it is for other certificates */
	KTLS_OCSP_UNSIGNED,   /* signed neither by the issuer nor by a responder that the issuer entitled */
	KTLS_OCSP_TOO_EARLY,
	KTLS_OCSP_STALE, /* nextUpdate has passed, or there is none */
	KTLS_OCSP_REVOKED,
	KTLS_OCSP_UNKNOWN, /* the responder does not know the certificate */
};

struct ktls_ocsp_answer {
	enum ktls_ocsp_verdict verdict;
	int64_t until;           /* if it is good: nextUpdate, in seconds since 1970 */
	char why[KTLS_OCSP_WHY]; /* else what is wrong, to follow "it": "is for another certificate" */
};

/*
 * Judges a response for a certificate whose issuer is trusted: it must be for that certificate (its OCSP
 * CertID), be signed by the issuer or with a certificate that the issuer made for this (RFC 6960 4.2.2.2), be
 * in force, and say "good".
 */
void ktls_ocsp_judge(
	const uint8_t *der, size_t len, X509 *cert, X509 *issuer, struct ktls_ocsp_answer *answer);

#endif
