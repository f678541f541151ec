/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a server's certificate is for the SIP domain that was meant: RFC 5922, section 7.
 *
 * The identities of a certificate are the hosts of the "sip:" URIs in its subjectAltName, except URIs with a
 * user part, port, parameters or headers. If there are none, the identities are its DNS names. The common
 * names of the subject count only if there is no subjectAltName at all. One identity must equal the name that
 * was meant as a whole, in upper or lower case. A name that is an IP address is compared only with the
 * addresses in subjectAltName. Names in other scripts are compared in their A-label form, as certificates and
 * DNS have them (RFC 5890); an identity that is not ASCII or holds a NUL equals nothing. OpenSSL checks
 * public keys, chains and validity.
 */
#ifndef KTLS_NAME_H
#define KTLS_NAME_H

#include <openssl/ssl.h>
#include <stddef.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

enum {
	KTLS_NAME_MAX = 255,         /* bytes of a DNS name */
	KTLS_NAME_REFUSAL_MAX = 400, /* room for a phrase of this file */
};

/*
 * A name is an IPv4 or IPv6 address (without brackets), or a host name in ASCII without a dot at either end.
 * Returns 1 for an address, 0 for a host name, -EINVAL for anything else.
 */
int ktls_name_kind(const char *name);

/*
 * Compares a certificate with a name. With wildcards 1, a DNS name or common name of the certificate may have
 * "*" as its whole first label, followed by at least two labels; it stands for exactly one label (RFC 9525
 * 6.3). RFC 5922 forbids that, but many certificates have it. Returns 0 if the certificate has the name;
 * -ENOENT with a phrase in why ("it is for a.example, not for b.example"), which is printable ASCII whatever
 * the certificate holds; -EINVAL as above.
 */
int ktls_name_check(X509 *cert, const char *name, int wildcards, char why[KTLS_NAME_REFUSAL_MAX]);

/*
 * Makes the comparison part of verifying the certificate in a client's handshake. On a mismatch the handshake
 * ends with the alert bad_certificate and X509_V_ERR_HOSTNAME_MISMATCH, and ktls_handshake_error() has the
 * phrase. Call it before the handshake, only for SSL objects that verify (KTLS_VERIFY_OPTIONAL,
 * KTLS_VERIFY_REQUIRE). A resumed session has no certificate to look at, so resume only sessions made with
 * the same name. name is copied. Returns 0, -EINVAL or -ENOMEM.
 */
int ktls_name_require(SSL *ssl, const char *name, int wildcards);

/* The phrase of the comparison that ended ssl's handshake, or "" if none did. Valid as long as ssl. */
const char *ktls_name_refusal(const SSL *ssl);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#endif
