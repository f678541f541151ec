/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a server's certificate is that of the SIP domain that was meant: RFC 5922, section 7.
 *
 * The identities of a certificate are the hosts of its "sip:" URIs in subjectAltName, those with a user part,
 * port, parameters or headers left out; if there are none its DNS names; the common names of the subject only
 * where there is no subjectAltName at all. Each must be equal to the name that was meant as a whole, in any
 * case of letters. A name that is an IP address is compared with the addresses of subjectAltName alone. Names
 * in other scripts than ASCII are compared in their A-label form, as certificates and DNS have them (RFC
 * 5890); what is not ASCII or holds a NUL is equal to nothing. Public keys, chains and validity are OpenSSL's
 * business.
 */
#ifndef KTLS_NAME_H
#define KTLS_NAME_H

#include <openssl/ssl.h>
#include <stddef.h>

enum {
	KTLS_NAME_MAX = 255,         /* bytes of a DNS name */
	KTLS_NAME_REFUSAL_MAX = 400, /* room for a phrase of this file */
};

/*
 * What can be meant: an IPv4 or IPv6 address (without brackets), or a host name in ASCII without a dot at
 * either end. Returns 1 for an address, 0 for a host name, -EINVAL for what is neither.
 */
int ktls_name_kind(const char *name);

/*
 * Compares. wildcards 1: a DNS name or common name of the certificate may have "*" as its whole first label,
 * with at least two behind it, for exactly one label (RFC 9525 6.3); RFC 5922 forbids that, many certificates
 * have it. Returns 0 when the certificate has the name; -ENOENT with a phrase in why ("it is for a.example,
 * not for b.example"), which is printable ASCII whatever the certificate holds; -EINVAL as above.
 */
int ktls_name_check(X509 *cert, const char *name, int wildcards, char why[KTLS_NAME_REFUSAL_MAX]);

/*
 * Makes the comparison a part of the certificate's verification in a client's handshake: it ends with the
 * alert bad_certificate and X509_V_ERR_HOSTNAME_MISMATCH, and ktls_handshake_error() has the phrase. Only for
 * SSL objects that verify (KTLS_VERIFY_OPTIONAL, KTLS_VERIFY_REQUIRE), before the handshake. A resumed
 * session has no certificate to look at: resume only what was made with the same name. name is copied.
 * Returns 0, -EINVAL or -ENOMEM.
 */
int ktls_name_require(SSL *ssl, const char *name, int wildcards);

/* The phrase of a comparison that ended ssl's handshake; "" when none did. Valid as long as ssl. */
const char *ktls_name_refusal(const SSL *ssl);

#endif
